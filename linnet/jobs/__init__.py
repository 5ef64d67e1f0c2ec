"""The door at which the clock knocks: lease a job, run it, then finish, retry or give up."""
