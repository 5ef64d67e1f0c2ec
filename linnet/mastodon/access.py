"""Apps, tokens and what this server says of its OAuth, as the client API's JSON."""

from typing import Any

from linnet.domain import scopes
from linnet.domain.access import AppView
from linnet.domain.site import Site
from linnet.domain.views import Profile
from linnet.mastodon import accounts, parsing
from linnet.mastodon.parsing import Params

REDIRECTS_MAX = 50


def application(app: AppView, push_key: str) -> dict[str, Any]:
    """An Application, as its own token sees it."""
    return {
        "id": str(app.id),
        "name": app.name,
        "website": app.website,
        "scopes": list(app.scopes),
        "redirect_uris": list(app.redirect_uris),
        "redirect_uri": "\n".join(app.redirect_uris),
        "vapid_key": push_key,
    }


def credential_application(app: AppView, secret: str, push_key: str) -> dict[str, Any]:
    """A CredentialApplication: the only time that the secret is told. 0 means that it does not expire."""
    return {
        **application(app, push_key),
        "client_id": app.client_id,
        "client_secret": secret,
        "client_secret_expires_at": 0,
    }


def token(access_token: str, granted: tuple[str, ...], created_at: int) -> dict[str, Any]:
    """A Token. ``created_at`` in ms since 1970; clients get seconds."""
    return {
        "access_token": access_token,
        "token_type": "Bearer",
        "scope": " ".join(granted),
        "created_at": created_at // 1000,
    }


def redirect_uris(params: Params) -> tuple[str, ...]:
    """A list, or one text with an address a line (older clients). Raises Invalid."""
    given = params.get("redirect_uris")
    if isinstance(given, str):
        return tuple(dict.fromkeys(given.split()))[: REDIRECTS_MAX + 1]
    found = parsing.text_list(params, "redirect_uris", REDIRECTS_MAX)
    return tuple(dict.fromkeys(uri.strip() for uri in found if uri.strip()))


def server_metadata(site: Site) -> dict[str, Any]:
    """RFC 8414."""
    return {
        "issuer": f"{site.origin}/",
        "service_documentation": "https://docs.joinmastodon.org/",
        "authorization_endpoint": f"{site.origin}/oauth/authorize",
        "token_endpoint": f"{site.origin}/oauth/token",
        "app_registration_endpoint": f"{site.origin}/api/v1/apps",
        "revocation_endpoint": f"{site.origin}/oauth/revoke",
        "userinfo_endpoint": f"{site.origin}/oauth/userinfo",
        "scopes_supported": list(scopes.KNOWN),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }


def userinfo(site: Site, profile: Profile) -> dict[str, Any]:
    """OpenID Connect's claims, as Mastodon names them."""
    return {
        "iss": f"{site.origin}/",
        "sub": site.account_uri(profile.username),
        "name": profile.name,
        "preferred_username": profile.username,
        "profile": site.account_url(profile.username),
        "picture": accounts.picture(site, profile.avatar_key, accounts.DEFAULT_AVATAR),
    }
