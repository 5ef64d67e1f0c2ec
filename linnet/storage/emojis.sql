-- name: all
select shortcode, file_key, static_key, category, visible_in_picker from custom_emojis order by shortcode;

-- name: named
select shortcode, file_key, static_key, category, visible_in_picker from custom_emojis where shortcode in (:codes...);

-- name: state
-- Changes with every change of the custom emojis.
select value from settings where key = 'emojis.version';

-- name: touch
insert into settings (key, value) values ('emojis.version', :version)
on conflict (key) do update set value = excluded.value;

-- name: put
insert into custom_emojis (shortcode, file_key, static_key, category, visible_in_picker, created_at)
values (:shortcode, :file_key, :static_key, :category, :visible_in_picker, :now)
on conflict (shortcode) do update set file_key = excluded.file_key, static_key = excluded.static_key,
  category = excluded.category, visible_in_picker = excluded.visible_in_picker;

-- name: remove
delete from custom_emojis where shortcode = :shortcode;
