-- The database user of slurmdbd_exporter: it may read, from one host, with few connections, and nothing else.
-- Run as an administrator of the database server; put in your own host and password.

CREATE USER IF NOT EXISTS 'slurmdbd_exporter'@'localhost' IDENTIFIED BY 'change me'
  WITH MAX_USER_CONNECTIONS 5;
GRANT SELECT ON slurm_acct_db.* TO 'slurmdbd_exporter'@'localhost';

-- From another host, with TLS only:
--   CREATE USER 'slurmdbd_exporter'@'exporter.example.org' IDENTIFIED BY 'change me'
--     REQUIRE SSL WITH MAX_USER_CONNECTIONS 5;
--   GRANT SELECT ON slurm_acct_db.* TO 'slurmdbd_exporter'@'exporter.example.org';

-- Tighter: table by table, which keeps job scripts and environments out of reach. Every cluster needs its own, and so
-- does each one that is added later. For a cluster named alpha:
--   GRANT SELECT ON slurm_acct_db.cluster_table TO ...;
--   GRANT SELECT ON slurm_acct_db.tres_table TO ...;
--   GRANT SELECT ON slurm_acct_db.qos_table TO ...;
--   GRANT SELECT ON slurm_acct_db.acct_table TO ...;
--   GRANT SELECT ON slurm_acct_db.acct_coord_table TO ...;
--   GRANT SELECT ON slurm_acct_db.txn_table TO ...;
--   GRANT SELECT ON slurm_acct_db.user_table TO ...;
--   GRANT SELECT ON slurm_acct_db.alpha_assoc_table TO ...;
--   GRANT SELECT ON slurm_acct_db.alpha_job_table TO ...;
--   GRANT SELECT ON slurm_acct_db.alpha_step_table TO ...;
--   GRANT SELECT ON slurm_acct_db.alpha_resv_table TO ...;
--   GRANT SELECT ON slurm_acct_db.alpha_suspend_table TO ...;
--   GRANT SELECT ON slurm_acct_db.alpha_last_ran_table TO ...;
--   GRANT SELECT ON slurm_acct_db.alpha_event_table TO ...;
--   GRANT SELECT ON slurm_acct_db.alpha_wckey_table TO ...;
--   and each of alpha_usage_hour_table, alpha_usage_day_table, alpha_usage_month_table, with the same for
--   alpha_assoc_usage_…, alpha_wckey_usage_… and, from Slurm 24.11 on, alpha_qos_usage_….
