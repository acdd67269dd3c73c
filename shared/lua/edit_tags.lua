-- Replaces a photo's tags by those that a person gave it.
--
-- KEYS[1]  photo  hash
-- ARGV[1]  prefix of the shard's keys
-- ARGV[2]  JSON list of the tags, as the record keeps them
-- ARGV[3]  JSON list of their ids
-- ARGV[4]  id of this request
--
-- Returns 1, or 0 if there is no such photo.
local photo = read(KEYS[1], 'id', 'owner', 'tag_ids', 'edited_by')
if not photo.id then return 0 end
if photo.edited_by == ARGV[4] then return 1 end
retag(ARGV[1], photo.owner, photo.id, photo.tag_ids, cjson.decode(ARGV[3]))
redis.call('HSET', KEYS[1], 'user_tags', ARGV[2], 'tags', '[]', 'tag_ids', ARGV[3],
  'edited_by', ARGV[4], 'updated_at_ms', now_ms())
redis.call('HINCRBY', KEYS[1], 'edits', 1)
return 1
