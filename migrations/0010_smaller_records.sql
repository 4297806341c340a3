-- A record is written in fewer rows and fewer octets; what stands here already stays as it is, so that no start waits for it.
--
-- `terms.began` names the slot of 32 milliseconds in which a record began, and no more the millisecond: one row is enough for all records of a slot
-- that have the term. A search takes both for the slot.
--
-- `transactions.ended`, `client`, `reverse_path`, `message_id`, `subject`, and `ending` are written empty: nobody asks for them, and `record` has them all. They are
-- not dropped, because SQLite would write the whole table anew.
--
-- A program of before this would look for a millisecond and miss what is there: it is told by the number.
UPDATE meta SET value = '10' WHERE name = 'schema';
