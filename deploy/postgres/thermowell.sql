-- Run once, when the cluster is made: the service owns its database and nothing else.
SET log_min_error_statement = panic; -- a statement with a password never stands in the log
SET log_statement = none;
\set password `cat /run/secrets/database_password`
SELECT 1 / length(:'password') AS given; -- an empty secret stops here
CREATE ROLE thermowell LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE thermowell OWNER thermowell ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE thermowell FROM PUBLIC;
