"""The table of the house rules: what each is called, in messages and in the ratchet."""

from collections.abc import Callable, Iterable

from tests.house import rules_code, rules_project
from tests.house.tree import Finding, Tree

RULES: dict[str, Callable[[Tree], Iterable[Finding]]] = {
    "file-length": rules_code.file_length,
    "function-length": rules_code.function_length,
    "opening-sentence": rules_code.opening_sentence,
    "broad-except": rules_code.broad_except,
    "empty-names": rules_code.empty_names,
    "sleeping-tests": rules_code.sleeping_tests,
    "toothless-tests": rules_code.toothless_tests,
    "map-of-folders": rules_project.map_of_folders,
    "stated-exceptions": rules_project.stated_exceptions,
    "unused-errors": rules_project.unused_errors,
    "unused-job-kinds": rules_project.unused_job_kinds,
    "unused-config-keys": rules_project.unused_config_keys,
    "foreign-addresses": rules_project.foreign_addresses,
    "unpinned-packages": rules_project.unpinned_packages,
}
