"""Seeds that found something once, and what it was: they are run always, and planted mistakes are looked for there."""

KEPT: dict[int, str] = {
    2: "jobs that were done twice after their lease, and a drain out of order",
    6: "a stream that went past writes that were not shown yet",
    8: "posts taken out of the journal before a drain that was interrupted",
    30: "a lost version's number given again, and a retry that looked its answer up where it was lost",
    74: "a post that waits in the journal and is stored straight away stands where it was stored",
    92: "a post asked for again, while the journal could not be read, stands where it was stored the second time",
    96: "a drain that hung where the primary was lost from sight, and kept it from those who saw the new one",
    97: "a drain that waited for another one was told in the order of numbers given before it had waited",
    143: "words that were changed of a post that is kept under another id",
    342: "a standby that never had followed, elected where nobody else was left",
    551: "a job that waited a minute for a host that had gone, though another one was the primary",
    693: "a machine that never missed the old primary posted past what waited for the new one",
    1045: "posting that went back to the database too early, where an older id came into the journal after others",
}
