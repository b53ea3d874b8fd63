-- Retries failed events every minute, inside the database, with pg_cron (https://github.com/citusdata/pg_cron).
-- Supabase, InsForge, Neon and RDS have the extension. It runs in one database of a server, usually "postgres".
--
-- Work that needs Stripe cannot run here: recovering lost events and syncing rows. A plain cron job that calls the
-- command line does all of it, including this retry: see retry-schedule.crontab. On Workers a cron trigger calls
-- `scheduled` of functions/worker.ts:
--
--     [triggers]
--     crons = ["*/5 * * * *"]

create extension if not exists pg_cron;

-- The job runs as the role that schedules it, which must be a member of payments_service. Scheduling it again replaces
-- it.
select cron.schedule(
  'pg-payments: retry failed events',
  '* * * * *',
  $$select count(*) from payments.retry_webhook_events(200)$$
);

-- pg_cron stores a row for each run. Leave this job out if you delete these rows in another way.
select cron.schedule(
  'pg-payments: forget old runs',
  '17 3 * * *',
  $$delete from cron.job_run_details where end_time < now() - interval '7 days'$$
);

-- To check: select * from payments.webhook_event_health;
-- To stop: select cron.unschedule('pg-payments: retry failed events');
