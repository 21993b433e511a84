-- The role that Replicator runs as: 'replicator migrate --grant-to runtime', run by the owner, gives it what it needs and no more.
\set password `cat /run/secrets/postgres-password`
CREATE ROLE runtime LOGIN PASSWORD :'password';
