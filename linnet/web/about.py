"""What this server is: its rules, whom to write to, its figures."""

from linnet.http.request import Request
from linnet.http.response import Response
from linnet.queries import accounts, instance
from linnet.web.door import Door


async def show(door: Door, request: Request) -> Response:
    """GET /about"""
    about = await instance.about(door.database)
    ids = (about.contact_id,) if about.contact_id else ()
    profiles = await accounts.profiles(door.database, ids)
    contact = profiles.get(about.contact_id) if about.contact_id else None
    return await door.page(request, "about.html", about=about, contact=contact)
