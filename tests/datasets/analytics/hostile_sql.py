"""Statements of people who mean no good, by what they try.

None may read or change anything but the tables it is given; each ends with a refusal
(`Refused`) or at a limit, soon.
"""

FILES = """
SELECT * FROM read_csv('{secret}')
SELECT * FROM read_csv_auto('{secret}')
SELECT * FROM READ_CSV('{secret}')
SELECT * FROM read_parquet('{table}')
SELECT * FROM parquet_scan('{table}')
SELECT * FROM parquet_metadata('{table}')
SELECT * FROM parquet_schema('{table}')
SELECT * FROM parquet_file_metadata('{table}')
SELECT * FROM parquet_kv_metadata('{table}')
SELECT * FROM parquet_bloom_probe('{table}', 'a', 1)
SELECT * FROM read_json('{secret}')
SELECT * FROM read_json_auto('{secret}')
SELECT * FROM read_json_objects('{secret}')
SELECT * FROM read_ndjson('{secret}')
SELECT * FROM read_ndjson_objects('{secret}')
SELECT * FROM read_text('{secret}')
SELECT * FROM read_text('{folder}/*')
SELECT * FROM read_text(['{secret}'])
SELECT * FROM read_blob('{secret}')
SELECT * FROM read_duckdb('{secret}')
SELECT * FROM sniff_csv('{secret}')
SELECT * FROM glob('{folder}/*')
SELECT * FROM glob('/proc/self/fd/*')
SELECT * FROM read_text('/proc/self/environ')
SELECT * FROM read_text('/proc/1/environ')
SELECT * FROM read_blob('/proc/self/mem')
SELECT * FROM read_text('/etc/passwd')
SELECT * FROM '/etc/passwd'
SELECT * FROM "/etc/passwd"
FROM '/etc/passwd'
FROM "file.csv"
FROM 'data.parquet'
FROM '{table}'
FROM '{folder}/*.parquet'
FROM "{secret}"
FROM 'file.json'
FROM 'C:\\windows\\win.ini'
FROM '../secret.csv'
FROM 'file:///etc/passwd'
FROM 'https://example.org/a.csv'
FROM 'http://127.0.0.1:8500/healthz'
FROM 's3://bucket/a.parquet'
FROM 'hf://datasets/a/b.parquet'
SELECT * FROM read_csv('https://example.org/a.csv')
SELECT * FROM read_parquet('s3://bucket/a.parquet')
SELECT * FROM read_text('http://169.254.169.254/latest/meta-data')
SELECT * FROM "data.csv", data
TABLE '/etc/passwd'
SELECT * FROM main."/etc/passwd"
SELECT * FROM seq_scan('data')
SELECT * FROM pandas_scan(1)
SELECT * FROM arrow_scan(1, 2, 3)
SELECT * FROM python_map_function()
"""

NESTED = """
WITH x AS (SELECT * FROM read_text('{secret}')) SELECT * FROM x
WITH x AS (FROM '/etc/passwd') SELECT * FROM x
WITH "/etc/passwd" AS (SELECT * FROM "/etc/passwd") FROM "/etc/passwd"
WITH "a.csv" AS (SELECT * FROM "a.csv") SELECT * FROM "a.csv"
WITH a AS (SELECT 1), b AS (FROM 'c.csv') SELECT * FROM a
SELECT (SELECT content FROM read_text('{secret}'))
SELECT * FROM data WHERE name IN (SELECT content FROM read_text('{secret}'))
SELECT * FROM data WHERE EXISTS (FROM '/etc/passwd')
SELECT * FROM data, LATERAL (SELECT * FROM read_text(data.name)) t
SELECT * FROM data JOIN read_text('{secret}') ON true
SELECT * FROM data LEFT JOIN '/etc/passwd' USING (a)
SELECT * FROM (SELECT * FROM (SELECT * FROM (FROM '/etc/passwd')))
SELECT * FROM data UNION ALL SELECT * FROM read_csv('{secret}')
SELECT * FROM data EXCEPT FROM '/etc/passwd'
SELECT list_transform([1], lambda x: (SELECT content FROM read_text('{secret}')))
SELECT [(SELECT content FROM read_text('{secret}')) FOR x IN [1]]
SELECT {{'a': (SELECT content FROM read_text('{secret}'))}}
SELECT MAP {{'a': (SELECT content FROM read_text('{secret}'))}}
SELECT CASE WHEN true THEN (SELECT content FROM read_text('{secret}')) END
SELECT sum(i) FILTER ((SELECT true FROM read_text('{secret}'))) FROM data
SELECT sum(i) OVER (ORDER BY (SELECT content FROM read_text('{secret}'))) FROM data
SELECT i FROM data ORDER BY (SELECT content FROM read_text('{secret}'))
SELECT i FROM data LIMIT (SELECT length(content) FROM read_text('{secret}'))
SELECT i FROM data GROUP BY i HAVING (SELECT true FROM read_text('{secret}'))
SELECT i FROM data QUALIFY row_number() OVER (ORDER BY (SELECT 1 FROM '/etc/passwd')) = 1
VALUES ((SELECT content FROM read_text('{secret}')))
SELECT * FROM (VALUES ((SELECT content FROM read_text('{secret}')))) t(a)
SELECT * FROM unnest((SELECT list(content) FROM read_text('{secret}')))
SELECT * FROM range((SELECT length(content) FROM read_text('{secret}')))
SELECT COLUMNS((SELECT content FROM read_text('{secret}'))) FROM data
SELECT * REPLACE ((SELECT content FROM read_text('{secret}')) AS i) FROM data
WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT * FROM read_text('{secret}')) FROM r
SELECT * FROM (PIVOT read_text('{secret}') ON filename IN ('a') USING count(*))
SELECT * FROM (UNPIVOT read_text('{secret}') ON content INTO NAME n VALUE v)
SELECT * FROM (DESCRIBE FROM '/etc/passwd')
SELECT * FROM (SUMMARIZE FROM '/etc/passwd')
SELECT * FROM (SHOW TABLES)
SELECT try((SELECT content FROM read_text('{secret}')))
SELECT coalesce(NULL, (SELECT content FROM read_text('{secret}')))
"""

WRITES = """
COPY data TO '{target}'
COPY (SELECT 1) TO '{target}' (FORMAT parquet)
COPY (SELECT 1) TO '{table}' (USE_TMP_FILE false)
COPY data FROM '{secret}'
COPY FROM DATABASE memory TO other
EXPORT DATABASE '{target}'
IMPORT DATABASE '{folder}'
ATTACH '{target}' AS other
ATTACH 'postgres://localhost/x' AS pg
ATTACH ':memory:' AS other
DETACH memory
USE memory
CREATE TABLE t AS SELECT 1
CREATE OR REPLACE TABLE data AS SELECT 1
CREATE TEMP TABLE t (a INT)
CREATE VIEW v AS SELECT 1
CREATE OR REPLACE VIEW data AS SELECT 1
CREATE MACRO m(a) AS (SELECT content FROM read_text(a))
CREATE FUNCTION f(a) AS TABLE SELECT * FROM read_text(a)
CREATE SEQUENCE s
CREATE SCHEMA s
CREATE TYPE e AS ENUM (FROM '/etc/passwd')
CREATE INDEX i ON data (i)
CREATE SECRET (TYPE s3)
CREATE TRIGGER t
DROP VIEW data
DROP TABLE IF EXISTS data
ALTER VIEW data RENAME TO other
INSERT INTO data VALUES (1)
INSERT INTO data SELECT * FROM data
UPDATE data SET i = 1
DELETE FROM data
TRUNCATE data
MERGE INTO data USING data AS b ON true WHEN MATCHED THEN DELETE
WITH x AS (INSERT INTO data VALUES (1) RETURNING *) SELECT * FROM x
WITH x AS (DELETE FROM data RETURNING *) SELECT * FROM x
WITH x AS (UPDATE data SET i = 1 RETURNING *) SELECT * FROM x
VACUUM
VACUUM ANALYZE data
ANALYZE
CHECKPOINT
FORCE CHECKPOINT
CALL pragma_version()
CALL force_checkpoint()
CALL read_text('{secret}')
BEGIN
COMMIT
ROLLBACK
COMMENT ON VIEW data IS 'x'
SELECT * FROM checkpoint()
SELECT * FROM force_checkpoint()
SELECT 1 INTO t
SELECT * FROM data FOR UPDATE NOWAIT INTO OUTFILE '{target}'
PIVOT data ON name USING sum(i)
"""

SETTINGS = """
SET enable_external_access = true
SET GLOBAL lock_configuration = false
SET allowed_directories = ['/']
SET memory_limit = '100GB'
SET threads = 64
SET temp_directory = '/tmp'
SET VARIABLE a = (SELECT content FROM read_text('{secret}'))
RESET memory_limit
RESET ALL
PRAGMA database_list
PRAGMA version
PRAGMA memory_limit='100GB'
PRAGMA table_info('data')
PRAGMA enable_profiling
PRAGMA profiling_output='{target}'
PRAGMA import_database('{folder}')
INSTALL httpfs
INSTALL 'https://example.org/x.duckdb_extension'
FORCE INSTALL json FROM community
LOAD httpfs
LOAD '{target}'
UPDATE EXTENSIONS
SELECT current_setting('memory_limit')
SELECT current_setting('temp_directory')
SELECT getenv('HOME')
SELECT getvariable('a')
SELECT nextval('s')
SELECT currval('s')
SELECT setval('s', 1)
SELECT setseed(0.5)
SELECT random()
SELECT uuid()
SELECT gen_random_uuid()
SELECT version()
SELECT current_query()
SELECT current_user
SELECT session_user
SELECT current_schema
SELECT current_schemas(true)
SELECT current_database()
SELECT txid_current()
SELECT current_connection_id()
SELECT write_log('x')
SELECT sleep_ms(1000000)
SELECT pg_sleep(1000)
SELECT parse_path('/a/b')
SELECT parse_dirname('/a/b')
SELECT parse_filename('/a/b')
SELECT in_search_path('a', 'b')
SELECT has_table_privilege('a', 'b')
SELECT pg_get_viewdef(1)
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_databases()
SELECT * FROM duckdb_views()
SELECT * FROM duckdb_tables()
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_extensions()
SELECT * FROM duckdb_functions()
SELECT * FROM duckdb_memory()
SELECT * FROM duckdb_logs()
SELECT * FROM duckdb_temporary_files()
SELECT * FROM duckdb_external_file_cache()
SELECT * FROM duckdb_variables()
SELECT * FROM pragma_database_list()
SELECT * FROM pragma_table_info('data')
SELECT * FROM pragma_storage_info('data')
SELECT * FROM pragma_platform()
SELECT * FROM pragma_user_agent()
SELECT * FROM pragma_version()
SELECT * FROM enable_logging()
SELECT * FROM enable_profiling()
SELECT * FROM which_secret('s3://a', 's3')
SELECT * FROM duckdb_views
SELECT * FROM sqlite_master
SELECT * FROM information_schema.tables
SELECT * FROM pg_catalog.pg_class
SELECT * FROM pg_class
SELECT * FROM system.information_schema.columns
SELECT * FROM memory.main.data
SELECT * FROM main.data
SELECT main.sum(i) FROM data
SELECT system.main.sum(i) FROM data
SELECT * FROM icu_calendar_names()
SELECT * FROM pg_timezone_names()
SHOW TABLES
SHOW ALL TABLES
SHOW memory_limit
DESCRIBE data
SUMMARIZE data
EXPLAIN SELECT 1
EXPLAIN ANALYZE SELECT * FROM data
"""

TRICKS = """
SELECT 1; SELECT 2
SELECT 1; DROP VIEW data
SELECT 1;; ATTACH 'x'
SELECT 1 /* ; */ ; COPY data TO '{target}'
SELECT 1 -- ;\\n; SET threads = 9
;
-- nothing
/* nothing */
/* SELECT */ COPY data TO '{target}'
SEL/**/ECT * FROM read_text('{secret}')
SELECT * FROM/**/read_text/**/('{secret}')
SELECT * FROM "read_text"('{secret}')
SELECT * FROM ReAd_TeXt('{secret}')
SELECT * FROM main.read_text('{secret}')
SELECT * FROM system.main.read_text('{secret}')
SELECT * FROM read_text(U&'\\002Fetc/passwd')
SELECT * FROM read_text(E'\\x2fetc/passwd')
SELECT * FROM read_text(chr(47) || 'etc/passwd')
SELECT * FROM \uff52\uff45\uff41\uff44\uff3f\uff54\uff45\uff58\uff54('{secret}')
SELECT * FROM read_text\u200b('{secret}')
SELECT\u00a0*\u00a0FROM\u00a0read_text('{secret}')
SELECT\u3000*\u3000FROM\u3000'/etc/passwd'
SELECT * FROM $$/etc/passwd$$
SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')
SELECT * FROM query_table('data')
SELECT * FROM query_table(['/etc/passwd'])
SELECT * FROM query('COPY data TO ''{target}''')
SELECT json_serialize_sql('SELECT 1')
SELECT json_deserialize_sql('{{}}')
SELECT json_serialize_plan('SELECT * FROM read_text(''{secret}'')')
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))
SELECT list_aggregate([1], 'sum')
SELECT array_aggr([1], 'sum')
SELECT invoke(lambda x: x, 1)
PREPARE p AS SELECT 1
EXECUTE p
DEALLOCATE p
SELECT ?
SELECT $1
SELECT $secret
SELECT * FROM data USING SAMPLE 1
SELECT * FROM data TABLESAMPLE reservoir(10%)
SELECT * FROM data AT (VERSION => 1)
SELECT 'a'::regclass
SELECT 'a'::main.secret
SELECT CAST('a' AS "no such type")
SELECT cast_to_type('a', 1)
SELECT 'x'::GEOMETRY
SELECT sum(i) EXPORT_STATE FROM data
SELECT finalize(sum(i) EXPORT_STATE) FROM data
SELECT __internal_compress_string_utinyint('a')
SELECT __cast(1)
SELECT * FROM test_all_types()
SELECT * FROM test_vector_types(NULL::INT)
SELECT * FROM repeat('x', 1000000000)
SELECT * FROM repeat_row(1, num_rows = 1000000000)
SELECT * FROM summary(FROM data)
SELECT * FROM histogram_values(data, i)
SELECT * FROM other
SELECT * FROM __result
SELECT * FROM data.i
SELECT 1 AS a, 2 AS a
SELECT
SELECT FROM WHERE
SELECT 'open
lorem ipsum
"""

BOMBS = """
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r, range(9)) SELECT count(*) FROM r
WITH RECURSIVE r(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM r) SELECT max(length(s)) FROM r
SELECT sum(a.i * b.i * c.i * d.i) FROM data a, data b, data c, data d
SELECT count(*) FROM data a, data b, data c, data d, data e WHERE a.i + b.i + c.i + d.i + e.i = 1
SELECT sum(range) FROM range(1000000000000000)
SELECT count(DISTINCT range) FROM range(1000000000000000)
SELECT * FROM range(1000000000000000) ORDER BY range DESC
SELECT range(1000000000000000)
SELECT generate_series(1, 1000000000000)
SELECT repeat('x', 10000000000)
SELECT length(repeat('x', 2000000000)) + length(repeat('y', 2000000000))
SELECT repeat(repeat('x', 100000), 100000)
SELECT list(repeat('x', 100000000)) FROM range(100)
SELECT string_agg(repeat('x', 1000000), '') FROM range(1000000)
SELECT list(range) FROM range(1000000000)
SELECT lpad('x', 2000000000, 'y') || rpad('x', 2000000000, 'y')
SELECT list_resize([1], 10000000000)
SELECT array_to_string(range(1000000000), ',')
SELECT list_transform(range(100000000), lambda x: list_transform(range(100000000), lambda y: x * y))
SELECT histogram(range) FROM range(1000000000)
SELECT sum(hash(sha256(repeat('x', 1000000) || range))) FROM range(10000000)
SELECT max(regexp_replace(repeat('a', 1000000) || range, '(a|a)*b', 'c', 'g')) FROM range(10000)
SELECT regexp_matches('a', '((((a{{1000}}){{1000}}){{1000}}){{1000}})')
SELECT levenshtein(repeat('x', 1000000), repeat('y', 1000000))
SELECT factorial(100000)
SELECT bin(repeat('x', 1000000000))
SELECT format('{{:2000000000d}}', 1)
SELECT printf('%2000000000d', 1)
SELECT to_json(range(1000000000))
SELECT bitstring_agg(range, 0, 100000000000) FROM range(10)
SELECT count(*) FROM data a JOIN data b ON a.i <> b.i JOIN data c ON b.i <> c.i JOIN data d ON c.i <> d.i
SELECT row_number() OVER (ORDER BY range DESC) FROM range(10000000000)
SELECT quantile_cont(range, 0.5) FROM range(10000000000)
SELECT unnest(range(10000000000)) ORDER BY 1 DESC
"""


def _split(text):
    return [line.replace("\\n", "\n") for line in text.strip().splitlines()]


REFUSED = [
    *_split(FILES),
    *_split(NESTED),
    *_split(WRITES),
    *_split(SETTINGS),
    *_split(TRICKS),
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT " + "NOT " * 5000 + "true",
    "SELECT " + "[" * 3000 + "]" * 3000,
    "SELECT 1 " + "+ 1" * 6000,
]
"""What is refused for what it is, before anything runs (nesting, by DuckDB's parser)."""
ENDED = _split(BOMBS)
"""What may run, and is ended by a limit or an error of its own."""
