-- name: fence
-- Opens each transaction that moves posts out of the journal. No row: somebody has drained who took the lock later.
insert into drain_epoch (one, epoch) values (1, :epoch)
on conflict (one) do update set epoch = excluded.epoch where drain_epoch.epoch <= excluded.epoch
returning epoch;
