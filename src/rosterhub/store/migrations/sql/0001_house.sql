-- What is ours besides the rosters: keys, OAuth clients, audit log, imports.

-- Keys. The manual's plain INSERT gives `key` alone, and then the key is the whole secret; keys of
-- `rosterhub keys create` have `secret_hash`, and `key` is only their public part.
CREATE TABLE api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT api_keys_pkey PRIMARY KEY,
    key text NOT NULL CONSTRAINT api_keys_key_key UNIQUE,
    name text NOT NULL,
    description text,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    secret_hash text,
    scopes text[] NOT NULL DEFAULT '{}'
);

-- OAuth clients; `secret_hash` is Argon2id. A client without scopes may do nothing.
CREATE TABLE oauth_clients (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT oauth_clients_pkey PRIMARY KEY,
    client_id text NOT NULL CONSTRAINT oauth_clients_client_id_key UNIQUE,
    name text NOT NULL,
    secret_hash text NOT NULL,
    scopes text[] NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- What access tokens are signed and checked with. A key signs for a day and is deleted once its
-- tokens are dead; deleting one by hand ends its tokens at once.
CREATE TABLE token_keys (
    kid text CONSTRAINT token_keys_pkey PRIMARY KEY,
    secret bytea NOT NULL CHECK (octet_length(secret) = 32),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Every request. Partitioned by month; the default partition catches what nobody made room for.
CREATE TABLE audit_logs (
    id bigint GENERATED ALWAYS AS IDENTITY,
    api_key text,
    endpoint text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    response_time_ms double precision NOT NULL,
    response_status integer NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    client_address text,
    request_id text,
    records integer,
    CONSTRAINT audit_logs_pkey PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX idx_audit_logs_created_at ON audit_logs (created_at DESC);
CREATE INDEX idx_audit_logs_api_key ON audit_logs (api_key);
CREATE TABLE audit_logs_default PARTITION OF audit_logs DEFAULT;

CREATE FUNCTION ensure_audit_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql AS $$
-- Makes the monthly partitions from this month to `months_ahead` later; returns how many are new.
-- Rows that the default partition caught for such a month move into it.
DECLARE
    made integer := 0;
    first_day timestamptz;
    next_day timestamptz;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_audit_partitions'));
    FOR i IN 0..months_ahead LOOP
        first_day := (date_trunc('month', now() AT TIME ZONE 'UTC')
            + make_interval(months => i)) AT TIME ZONE 'UTC';
        next_day := (date_trunc('month', now() AT TIME ZONE 'UTC')
            + make_interval(months => i + 1)) AT TIME ZONE 'UTC';
        partition := 'audit_logs_' || to_char(first_day AT TIME ZONE 'UTC', 'YYYYMM');
        CONTINUE WHEN to_regclass(partition) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE audit_logs INCLUDING DEFAULTS)', partition);
        EXECUTE format(
            'WITH moved AS (DELETE FROM audit_logs_default WHERE created_at >= %L AND created_at < %L RETURNING *) '
            'INSERT INTO %I SELECT * FROM moved', first_day, next_day, partition);
        EXECUTE format('ALTER TABLE audit_logs ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            partition, first_day, next_day);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
SELECT ensure_audit_partitions(2);

-- One row an import; `state` as in design: queued staging checking comparing waiting applying
-- completed failed rejected undone.
CREATE TABLE imports (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT imports_pkey PRIMARY KEY,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'staging', 'checking',
        'comparing', 'waiting', 'applying', 'completed', 'failed', 'rejected', 'undone')),
    file_name text NOT NULL,
    entity text,
    mode text CHECK (mode IN ('bulk', 'delta', 'merge')),
    level text NOT NULL DEFAULT 'tolerant' CHECK (level IN ('strict', 'tolerant')),
    on_error text NOT NULL DEFAULT 'reject' CHECK (on_error IN ('reject', 'skip')),
    placeholders boolean NOT NULL DEFAULT false,
    -- The CSV profile that was asked for, and the one that was taken.
    profile text,
    profile_taken text,
    source_system text NOT NULL DEFAULT 'default',
    encoding text,
    dry_run boolean NOT NULL DEFAULT false,
    approved boolean NOT NULL DEFAULT false,
    undo jsonb,
    api_key text,
    idempotency_key text,
    fingerprint bytea,
    keeps_upload boolean NOT NULL DEFAULT false,
    size bigint NOT NULL DEFAULT 0,
    files jsonb NOT NULL DEFAULT '[]',
    progress real NOT NULL DEFAULT 0,
    rows_per_second real NOT NULL DEFAULT 0,
    total bigint NOT NULL DEFAULT 0,
    created bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    warnings bigint NOT NULL DEFAULT 0,
    timings jsonb NOT NULL DEFAULT '{}',
    reason jsonb,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz
);
CREATE INDEX idx_imports_created_at ON imports (created_at DESC);
-- Who sends again under the same Idempotency-Key gets the import there is already. `fingerprint` is
-- the SHA-256 of the upload and its options.
CREATE UNIQUE INDEX imports_idempotency_key ON imports (idempotency_key, source_system, api_key)
    NULLS NOT DISTINCT WHERE idempotency_key IS NOT NULL;

-- The upload itself, so that any worker on any machine can take it; kept after the end of the import
-- where `keeps_upload` says that it may be.
CREATE TABLE import_chunks (
    import_id bigint NOT NULL REFERENCES imports ON DELETE CASCADE,
    number integer NOT NULL,
    data bytea NOT NULL,
    CONSTRAINT import_chunks_pkey PRIMARY KEY (import_id, number)
);
ALTER TABLE import_chunks ALTER COLUMN data SET STORAGE EXTERNAL;

-- What is wrong with an import, each with its place. `details` fills the sentence of `code`.
CREATE TABLE import_issues (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT import_issues_pkey PRIMARY KEY,
    import_id bigint NOT NULL REFERENCES imports ON DELETE CASCADE,
    severity text NOT NULL CHECK (severity IN ('error', 'warning')),
    file text,
    line bigint,
    column_name text,
    code text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX idx_import_issues_import_id ON import_issues (import_id, severity, id);

-- What an import would change, for people to look at before it is applied: dry runs and imports
-- that wait. `changes` holds {column: [old, new]}.
CREATE TABLE import_changes (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT import_changes_pkey PRIMARY KEY,
    import_id bigint NOT NULL REFERENCES imports ON DELETE CASCADE,
    entity text NOT NULL,
    file text NOT NULL,
    line bigint,
    sourced_id text NOT NULL,
    action text NOT NULL CHECK (action IN ('created', 'updated', 'deleted')),
    changes jsonb
);
CREATE INDEX idx_import_changes_import_id ON import_changes (import_id, id);

-- What would look wrong with the roster as a whole after an import: dry runs.
CREATE TABLE import_health (
    import_id bigint NOT NULL REFERENCES imports ON DELETE CASCADE,
    finding text NOT NULL,
    sourced_id text NOT NULL,
    org_sourced_id text,
    name text,
    others text
);
CREATE INDEX idx_import_health_import_id ON import_health (import_id, finding);

-- A token a table: the same token means the same rows. Every transaction that changes rows of an
-- entity sets a new one, so that counts and answers can be kept and never be wrong.
CREATE TABLE data_versions (
    entity text CONSTRAINT data_versions_pkey PRIMARY KEY,
    version uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO data_versions (entity) VALUES
    ('academicSessions'), ('orgs'), ('courses'), ('classes'), ('users'), ('roles'),
    ('userProfiles'), ('enrollments'), ('demographics'), ('categories'), ('lineItems'),
    ('results'), ('scoreScales'), ('lineItemLearningObjectiveIds'), ('lineItemScoreScales'),
    ('resultLearningObjectiveIds'), ('resultScoreScales'), ('resources'), ('classResources'),
    ('courseResources'), ('userResources'), ('assessmentLineItems'), ('assessmentResults'),
    ('assessmentLineItemLearningObjectiveIds'), ('assessmentResultLearningObjectiveIds');

-- When each transaction that changed rosters was committed, `began` being the time that its rows
-- carry: what somebody has seen is told by the order of commits, not by the times of rows.
CREATE TABLE data_commits (
    began timestamptz NOT NULL CONSTRAINT data_commits_began_key UNIQUE,
    committed timestamptz NOT NULL CONSTRAINT data_commits_pkey PRIMARY KEY
);
INSERT INTO data_commits (began, committed) VALUES (now(), now());

CREATE FUNCTION renew_versions(changed text[]) RETURNS void
LANGUAGE plpgsql AS $$
-- To be called once, at the end of a transaction that changed rows of these entities. One after the
-- other: who comes later is committed later, so that `committed` is the order in which others see.
BEGIN
    IF cardinality(changed) = 0 THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('renew_versions'));
    INSERT INTO data_commits (began, committed)
        SELECT now(), greatest(clock_timestamp(), max(committed) + interval '1 microsecond')
          FROM data_commits;
    UPDATE data_versions SET version = gen_random_uuid() WHERE entity = ANY(changed);
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'another change began in the same microsecond'
        USING ERRCODE = 'serialization_failure';
END $$;

-- Staging tables of running imports: unlogged, made and dropped by the import.
CREATE SCHEMA staging;

CREATE FUNCTION nested_metadata(flat jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- {"jp.homeClass": "x", "color": "y"} -> {"jp": {"homeClass": "x"}, "color": "y"} (spec/models.md).
DECLARE
    result jsonb := '{}';
    head text;
    inner_keys jsonb;
BEGIN
    FOR head, inner_keys IN
        SELECT split_part(key, '.', 1),
               jsonb_object_agg(substr(key, length(split_part(key, '.', 1)) + 2), value)
        FROM jsonb_each(flat) GROUP BY 1
    LOOP
        IF inner_keys ? '' THEN
            result := result || jsonb_build_object(head, inner_keys -> '');
        ELSE
            result := result || jsonb_build_object(head, nested_metadata(inner_keys));
        END IF;
    END LOOP;
    RETURN result;
END $$;
