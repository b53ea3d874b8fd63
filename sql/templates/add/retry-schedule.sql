/*
 * Retries failed events every {{every}}, inside the database, with pg_cron (https://github.com/citusdata/pg_cron).
 * Supabase, InsForge, Neon and RDS have the extension. It runs in one database of a server, usually "postgres".
 *
 * Work that needs Stripe cannot run here: recovering lost events and syncing rows. Let cron also call "pg-payments
 * schedule run". The job runs as the role that schedules it, which must be a member of payments_service. Scheduling it
 * again replaces it.
 */
create extension if not exists pg_cron;

select cron.schedule(
  'pg-payments: retry failed events',
  '{{cron}}',
  $$select count(*) from payments.retry_webhook_events(200)$$
);

-- pg_cron stores a row for each run. Leave this job out if you delete these rows in another way.
select cron.schedule(
  'pg-payments: forget old runs',
  '17 3 * * *',
  $$delete from cron.job_run_details where end_time < now() - interval '7 days'$$
);

-- Down
select cron.unschedule(j.jobname) from cron.job as j where j.jobname like 'pg-payments: %';
