-- Every SQL statement of the operations manual, as it prints them, under the headings they stand
-- under. tests/operations/test_manual_sql.py runs them; it also says which cannot be run and why.

-- 日常運用 / 週次の確認事項 / セキュリティログ確認
SELECT
    api_key,
    endpoint,
    COUNT(*) as request_count,
    MAX(created_at) as last_access
FROM audit_logs
WHERE created_at > NOW() - INTERVAL '7 days'
GROUP BY api_key, endpoint
ORDER BY request_count DESC
LIMIT 20;

-- 日常運用 / 月次の確認事項 / パフォーマンスレポート作成
SELECT
    DATE(created_at) as date,
    endpoint,
    COUNT(*) as request_count,
    AVG(response_time_ms) as avg_response_time_ms
FROM audit_logs
WHERE created_at > NOW() - INTERVAL '30 days'
GROUP BY DATE(created_at), endpoint
ORDER BY date DESC, request_count DESC;
SELECT
    schemaname,
    tablename,
    pg_size_pretty(pg_total_relation_size(schemaname||'.'||tablename)) AS size
FROM pg_tables
WHERE schemaname = 'public'
ORDER BY pg_total_relation_size(schemaname||'.'||tablename) DESC;

-- 定期メンテナンス / データベースメンテナンス / 毎週実行: VACUUM ANALYZE
VACUUM ANALYZE;
VACUUM ANALYZE users;
VACUUM ANALYZE enrollments;
VACUUM ANALYZE audit_logs;
SELECT
    schemaname,
    tablename,
    last_vacuum,
    last_autovacuum,
    last_analyze,
    last_autoanalyze
FROM pg_stat_user_tables
ORDER BY last_vacuum DESC;

-- 定期メンテナンス / データベースメンテナンス / 毎月実行: インデックス再構築
SELECT
    tablename,
    indexname,
    pg_size_pretty(pg_relation_size(indexrelid)) AS index_size
FROM pg_indexes
JOIN pg_stat_user_indexes USING (indexrelname)
WHERE schemaname = 'public'
ORDER BY pg_relation_size(indexrelid) DESC;
REINDEX INDEX CONCURRENTLY users_pkey;
REINDEX INDEX CONCURRENTLY users_username_key;
REINDEX INDEX CONCURRENTLY idx_users_status;
REINDEX INDEX CONCURRENTLY idx_users_date_last_modified;

-- スケールアップ・スケールアウト / 垂直スケール (Vertical Scaling) - リソース増強 / CPUとメモリの増強
ALTER SYSTEM SET shared_buffers = '4GB';
ALTER SYSTEM SET max_connections = 200;
ALTER SYSTEM SET effective_cache_size = '12GB';
SELECT pg_reload_conf();

-- スケールアップ・スケールアウト / 水平スケール (Horizontal Scaling) - サーバー追加 / ロードバランサー構成
CREATE ROLE replicator WITH REPLICATION LOGIN PASSWORD 'replication_password';

-- 障害対応 / よくある障害パターンと対処法 / 障害1: データベース接続タイムアウト
SELECT count(*) FROM pg_stat_activity;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle' AND state_change < NOW() - INTERVAL '10 minutes';
ALTER SYSTEM SET max_connections = 200;

-- パフォーマンスチューニング / PostgreSQL チューニング / 基本設定 (16GB RAM サーバーの場合)
ALTER SYSTEM SET shared_buffers = '4GB';
ALTER SYSTEM SET effective_cache_size = '12GB';
ALTER SYSTEM SET work_mem = '40MB';
ALTER SYSTEM SET maintenance_work_mem = '1GB';
ALTER SYSTEM SET wal_buffers = '16MB';
ALTER SYSTEM SET checkpoint_completion_target = 0.9;
ALTER SYSTEM SET random_page_cost = 1.1;
ALTER SYSTEM SET max_connections = 200;
SELECT pg_reload_conf();

-- パフォーマンスチューニング / PostgreSQL チューニング / インデックス最適化
CREATE INDEX CONCURRENTLY idx_users_status ON users(status) WHERE status = 'active';
CREATE INDEX CONCURRENTLY idx_users_org_sourced_ids ON users USING GIN(org_sourced_ids);
CREATE INDEX CONCURRENTLY idx_users_date_last_modified ON users(date_last_modified);
CREATE INDEX CONCURRENTLY idx_classes_course_sourced_id ON classes(course_sourced_id);
CREATE INDEX CONCURRENTLY idx_classes_school_sourced_id ON classes(school_sourced_id);
CREATE INDEX CONCURRENTLY idx_enrollments_class_sourced_id ON enrollments(class_sourced_id);
CREATE INDEX CONCURRENTLY idx_enrollments_user_sourced_id ON enrollments(user_sourced_id);
CREATE INDEX CONCURRENTLY idx_enrollments_role ON enrollments(role);
CREATE INDEX CONCURRENTLY idx_audit_logs_created_at ON audit_logs(created_at DESC);
CREATE INDEX CONCURRENTLY idx_audit_logs_api_key ON audit_logs(api_key);

-- セキュリティ運用 / 定期的なセキュリティチェック / 毎週実行
SELECT
    api_key,
    COUNT(*) as request_count,
    MAX(created_at) as last_access
FROM audit_logs
WHERE created_at > NOW() - INTERVAL '7 days'
  AND (
      response_status >= 400
      OR response_time_ms > 5000
  )
GROUP BY api_key
ORDER BY request_count DESC;

-- セキュリティ運用 / セキュリティインシデント対応 / レベル1: 不正アクセス検知
UPDATE api_keys SET is_active = false WHERE key = 'suspected-key';
SELECT * FROM audit_logs
WHERE api_key = 'suspected-key'
ORDER BY created_at DESC
LIMIT 100;

-- APIキー管理 / APIキー発行
INSERT INTO api_keys (key, name, description, is_active, created_at, updated_at)
VALUES (
    gen_random_uuid(),
    'School C LMS',
    'API key for School C Learning Management System',
    true,
    NOW(),
    NOW()
)
RETURNING key, name;

-- APIキー管理 / APIキー無効化
UPDATE api_keys
SET is_active = false, updated_at = NOW()
WHERE key = 'api-key-to-disable';
SELECT key, name, is_active FROM api_keys WHERE key = 'api-key-to-disable';

-- APIキー管理 / APIキー使用状況確認
SELECT
    ak.name,
    ak.key,
    COUNT(al.*) as total_requests,
    COUNT(CASE WHEN al.response_status < 400 THEN 1 END) as success_requests,
    COUNT(CASE WHEN al.response_status >= 400 THEN 1 END) as error_requests,
    MAX(al.created_at) as last_used
FROM api_keys ak
LEFT JOIN audit_logs al ON ak.key = al.api_key
WHERE al.created_at > NOW() - INTERVAL '30 days'
GROUP BY ak.name, ak.key
ORDER BY total_requests DESC;

-- データ管理 / データクリーンアップ / 古い監査ログ削除 (90日以上前)
SELECT COUNT(*) FROM audit_logs WHERE created_at < NOW() - INTERVAL '90 days';
DELETE FROM audit_logs
WHERE id IN (
    SELECT id FROM audit_logs
    WHERE created_at < NOW() - INTERVAL '90 days'
    LIMIT 10000
);
VACUUM ANALYZE audit_logs;

-- よくある質問 (FAQ) / Q1: CSV インポートが遅い。どうすれば高速化できますか？
DROP INDEX idx_users_status;
DROP INDEX idx_users_date_last_modified;
CREATE INDEX CONCURRENTLY idx_users_status ON users(status);
CREATE INDEX CONCURRENTLY idx_users_date_last_modified ON users(date_last_modified);
