-- Back to an empty database.

DROP SCHEMA staging, procrastinate, past, history CASCADE;
DROP FUNCTION nested_metadata(jsonb), ensure_audit_partitions(integer), renew_versions(text[]) CASCADE;
DROP TABLE data_commits, data_versions, import_health, import_changes, import_issues, import_chunks, imports, audit_logs, token_keys, oauth_clients,
    api_keys;
DROP TABLE assessment_result_learning_objective_ids, assessment_line_item_learning_objective_ids, assessment_results, assessment_line_items, user_resources, course_resources, class_resources, resources, result_score_scales, result_learning_objective_ids, line_item_score_scales, line_item_learning_objective_ids, score_scales, results, line_items, categories, demographics, enrollments, user_profiles, roles, users, classes, courses, orgs, academic_sessions;
