-- The next migration. Tables and indexes are written here; the rest is included from sql/fixtures.
drop function if exists payments_private.price_row(jsonb); -- its row has one column more
