-- The next migration. Tables and indexes are written here; the rest is included from sql/fixtures.
drop function if exists payments.begin_webhook_endpoint(text, text, text, jsonb, text, boolean);
