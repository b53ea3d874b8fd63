-- Tries failed events again every minute, inside the database, with pg_cron (https://github.com/citusdata/pg_cron).
-- Supabase, InsForge, Neon and RDS have the extension; it runs in one database of a server, mostly "postgres".
--
-- What needs Stripe cannot run here: taking in lost events and keeping rows in line. A plain cron job does all of it, this
-- retry included, by calling the command line: retry-schedule.crontab. On Workers a cron trigger calls `scheduled` of
-- functions/worker.ts:
--
--     [triggers]
--     crons = ["*/5 * * * *"]

create extension if not exists pg_cron;

-- The job runs as whoever schedules it, who must be a member of payments_service. Scheduling it again replaces it.
select cron.schedule(
  'pg-payments: retry failed events',
  '* * * * *',
  $$select count(*) from payments.retry_webhook_events(200)$$
);

-- pg_cron keeps a row for each run. Drop this if you clean up after it in another way.
select cron.schedule(
  'pg-payments: forget old runs',
  '17 3 * * *',
  $$delete from cron.job_run_details where end_time < now() - interval '7 days'$$
);

-- To look: select * from payments.webhook_event_health;
-- To stop: select cron.unschedule('pg-payments: retry failed events');
