-- The history of each entity and its view of the past as of revision 0001 (store/history.py, frozen).

CREATE SCHEMA history;
CREATE SCHEMA past;

CREATE TABLE history.academic_sessions (LIKE public.academic_sessions, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.academic_sessions (sourced_id);
CREATE INDEX ON history.academic_sessions (replaced_by);
CREATE INDEX ON history.academic_sessions (parent_sourced_id, sourced_id);
CREATE VIEW past.academic_sessions AS SELECT "sourced_id", "status", "date_last_modified", "title", "type", "start_date", "end_date", "parent_sourced_id", "school_year", "metadata", "source_system", "valid_from", "import_id" FROM public.academic_sessions WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "title", "type", "start_date", "end_date", "parent_sourced_id", "school_year", "metadata", "source_system", "valid_from", "import_id" FROM history.academic_sessions WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.orgs (LIKE public.orgs, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.orgs (sourced_id);
CREATE INDEX ON history.orgs (replaced_by);
CREATE INDEX ON history.orgs (parent_sourced_id, sourced_id);
CREATE VIEW past.orgs AS SELECT "sourced_id", "status", "date_last_modified", "name", "type", "identifier", "parent_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM public.orgs WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "name", "type", "identifier", "parent_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM history.orgs WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.courses (LIKE public.courses, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.courses (sourced_id);
CREATE INDEX ON history.courses (replaced_by);
CREATE INDEX ON history.courses (org_sourced_id, sourced_id);
CREATE VIEW past.courses AS SELECT "sourced_id", "status", "date_last_modified", "school_year_sourced_id", "title", "course_code", "grades", "org_sourced_id", "subjects", "subject_codes", "metadata", "source_system", "valid_from", "import_id" FROM public.courses WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "school_year_sourced_id", "title", "course_code", "grades", "org_sourced_id", "subjects", "subject_codes", "metadata", "source_system", "valid_from", "import_id" FROM history.courses WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.classes (LIKE public.classes, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.classes (sourced_id);
CREATE INDEX ON history.classes (replaced_by);
CREATE INDEX ON history.classes (course_sourced_id);
CREATE INDEX ON history.classes (school_sourced_id);
CREATE INDEX ON history.classes USING gin (term_sourced_ids);
CREATE VIEW past.classes AS SELECT "sourced_id", "status", "date_last_modified", "title", "grades", "course_sourced_id", "class_code", "class_type", "location", "school_sourced_id", "term_sourced_ids", "subjects", "subject_codes", "periods", "metadata", "source_system", "valid_from", "import_id" FROM public.classes WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "title", "grades", "course_sourced_id", "class_code", "class_type", "location", "school_sourced_id", "term_sourced_ids", "subjects", "subject_codes", "periods", "metadata", "source_system", "valid_from", "import_id" FROM history.classes WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.users (LIKE public.users, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.users (sourced_id);
CREATE INDEX ON history.users (replaced_by);
CREATE VIEW past.users AS SELECT "sourced_id", "status", "date_last_modified", "enabled_user", "username", "user_ids", "given_name", "family_name", "middle_name", "identifier", "email", "sms", "phone", "agent_sourced_ids", "grades", "user_master_identifier", "resource_sourced_ids", "preferred_given_name", "preferred_middle_name", "preferred_family_name", "primary_org_sourced_id", "pronouns", "org_sourced_ids", "metadata", "source_system", "valid_from", "import_id" FROM public.users WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "enabled_user", "username", "user_ids", "given_name", "family_name", "middle_name", "identifier", "email", "sms", "phone", "agent_sourced_ids", "grades", "user_master_identifier", "resource_sourced_ids", "preferred_given_name", "preferred_middle_name", "preferred_family_name", "primary_org_sourced_id", "pronouns", "org_sourced_ids", "metadata", "source_system", "valid_from", "import_id" FROM history.users WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.roles (LIKE public.roles, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.roles (sourced_id);
CREATE INDEX ON history.roles (replaced_by);
CREATE INDEX ON history.roles (user_sourced_id, sourced_id);
CREATE INDEX ON history.roles (org_sourced_id, sourced_id);
CREATE VIEW past.roles AS SELECT "sourced_id", "status", "date_last_modified", "user_sourced_id", "role_type", "role", "begin_date", "end_date", "org_sourced_id", "user_profile_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM public.roles WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "user_sourced_id", "role_type", "role", "begin_date", "end_date", "org_sourced_id", "user_profile_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM history.roles WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.user_profiles (LIKE public.user_profiles, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.user_profiles (sourced_id);
CREATE INDEX ON history.user_profiles (replaced_by);
CREATE INDEX ON history.user_profiles (user_sourced_id, sourced_id);
CREATE VIEW past.user_profiles AS SELECT "sourced_id", "status", "date_last_modified", "user_sourced_id", "profile_type", "vendor_id", "application_id", "description", "credential_type", "username", "metadata", "source_system", "valid_from", "import_id" FROM public.user_profiles WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "user_sourced_id", "profile_type", "vendor_id", "application_id", "description", "credential_type", "username", "metadata", "source_system", "valid_from", "import_id" FROM history.user_profiles WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.enrollments (LIKE public.enrollments, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.enrollments (sourced_id);
CREATE INDEX ON history.enrollments (replaced_by);
CREATE INDEX ON history.enrollments (class_sourced_id);
CREATE INDEX ON history.enrollments (user_sourced_id);
CREATE INDEX ON history.enrollments (school_sourced_id, sourced_id);
CREATE VIEW past.enrollments AS SELECT "sourced_id", "status", "date_last_modified", "class_sourced_id", "school_sourced_id", "user_sourced_id", "role", "primary", "begin_date", "end_date", "metadata", "source_system", "valid_from", "import_id" FROM public.enrollments WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "class_sourced_id", "school_sourced_id", "user_sourced_id", "role", "primary", "begin_date", "end_date", "metadata", "source_system", "valid_from", "import_id" FROM history.enrollments WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.demographics (LIKE public.demographics, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.demographics (sourced_id);
CREATE INDEX ON history.demographics (replaced_by);
CREATE VIEW past.demographics AS SELECT "sourced_id", "status", "date_last_modified", "birth_date", "sex", "american_indian_or_alaska_native", "asian", "black_or_african_american", "native_hawaiian_or_other_pacific_islander", "white", "demographic_race_two_or_more_races", "hispanic_or_latino_ethnicity", "country_of_birth_code", "state_of_birth_abbreviation", "city_of_birth", "public_school_residence_status", "metadata", "source_system", "valid_from", "import_id" FROM public.demographics WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "birth_date", "sex", "american_indian_or_alaska_native", "asian", "black_or_african_american", "native_hawaiian_or_other_pacific_islander", "white", "demographic_race_two_or_more_races", "hispanic_or_latino_ethnicity", "country_of_birth_code", "state_of_birth_abbreviation", "city_of_birth", "public_school_residence_status", "metadata", "source_system", "valid_from", "import_id" FROM history.demographics WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.categories (LIKE public.categories, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.categories (sourced_id);
CREATE INDEX ON history.categories (replaced_by);
CREATE VIEW past.categories AS SELECT "sourced_id", "status", "date_last_modified", "title", "weight", "metadata", "source_system", "valid_from", "import_id" FROM public.categories WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "title", "weight", "metadata", "source_system", "valid_from", "import_id" FROM history.categories WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.line_items (LIKE public.line_items, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.line_items (sourced_id);
CREATE INDEX ON history.line_items (replaced_by);
CREATE INDEX ON history.line_items (class_sourced_id, sourced_id);
CREATE INDEX ON history.line_items (school_sourced_id, sourced_id);
CREATE VIEW past.line_items AS SELECT "sourced_id", "status", "date_last_modified", "title", "description", "assign_date", "due_date", "class_sourced_id", "category_sourced_id", "academic_session_sourced_id", "result_value_min", "result_value_max", "school_sourced_id", "grading_period_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM public.line_items WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "title", "description", "assign_date", "due_date", "class_sourced_id", "category_sourced_id", "academic_session_sourced_id", "result_value_min", "result_value_max", "school_sourced_id", "grading_period_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM history.line_items WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.results (LIKE public.results, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.results (sourced_id);
CREATE INDEX ON history.results (replaced_by);
CREATE INDEX ON history.results (line_item_sourced_id, sourced_id);
CREATE INDEX ON history.results (student_sourced_id, sourced_id);
CREATE INDEX ON history.results (class_sourced_id, sourced_id);
CREATE VIEW past.results AS SELECT "sourced_id", "status", "date_last_modified", "line_item_sourced_id", "student_sourced_id", "score_status", "score", "score_date", "comment", "text_score", "class_sourced_id", "in_progress", "incomplete", "late", "missing", "metadata", "source_system", "valid_from", "import_id" FROM public.results WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "line_item_sourced_id", "student_sourced_id", "score_status", "score", "score_date", "comment", "text_score", "class_sourced_id", "in_progress", "incomplete", "late", "missing", "metadata", "source_system", "valid_from", "import_id" FROM history.results WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.score_scales (LIKE public.score_scales, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.score_scales (sourced_id);
CREATE INDEX ON history.score_scales (replaced_by);
CREATE INDEX ON history.score_scales (class_sourced_id, sourced_id);
CREATE INDEX ON history.score_scales (org_sourced_id, sourced_id);
CREATE VIEW past.score_scales AS SELECT "sourced_id", "status", "date_last_modified", "title", "type", "org_sourced_id", "course_sourced_id", "class_sourced_id", "score_scale_value", "metadata", "source_system", "valid_from", "import_id" FROM public.score_scales WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "title", "type", "org_sourced_id", "course_sourced_id", "class_sourced_id", "score_scale_value", "metadata", "source_system", "valid_from", "import_id" FROM history.score_scales WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.line_item_learning_objective_ids (LIKE public.line_item_learning_objective_ids, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.line_item_learning_objective_ids (sourced_id);
CREATE INDEX ON history.line_item_learning_objective_ids (replaced_by);
CREATE INDEX ON history.line_item_learning_objective_ids (line_item_sourced_id, sourced_id);
CREATE VIEW past.line_item_learning_objective_ids AS SELECT "sourced_id", "status", "date_last_modified", "line_item_sourced_id", "source", "learning_objective_id", "metadata", "source_system", "valid_from", "import_id" FROM public.line_item_learning_objective_ids WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "line_item_sourced_id", "source", "learning_objective_id", "metadata", "source_system", "valid_from", "import_id" FROM history.line_item_learning_objective_ids WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.line_item_score_scales (LIKE public.line_item_score_scales, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.line_item_score_scales (sourced_id);
CREATE INDEX ON history.line_item_score_scales (replaced_by);
CREATE INDEX ON history.line_item_score_scales (line_item_sourced_id, sourced_id);
CREATE VIEW past.line_item_score_scales AS SELECT "sourced_id", "status", "date_last_modified", "title", "line_item_sourced_id", "score_scale_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM public.line_item_score_scales WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "title", "line_item_sourced_id", "score_scale_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM history.line_item_score_scales WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.result_learning_objective_ids (LIKE public.result_learning_objective_ids, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.result_learning_objective_ids (sourced_id);
CREATE INDEX ON history.result_learning_objective_ids (replaced_by);
CREATE INDEX ON history.result_learning_objective_ids (result_sourced_id, sourced_id);
CREATE VIEW past.result_learning_objective_ids AS SELECT "sourced_id", "status", "date_last_modified", "result_sourced_id", "source", "learning_objective_id", "score", "text_score", "metadata", "source_system", "valid_from", "import_id" FROM public.result_learning_objective_ids WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "result_sourced_id", "source", "learning_objective_id", "score", "text_score", "metadata", "source_system", "valid_from", "import_id" FROM history.result_learning_objective_ids WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.result_score_scales (LIKE public.result_score_scales, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.result_score_scales (sourced_id);
CREATE INDEX ON history.result_score_scales (replaced_by);
CREATE INDEX ON history.result_score_scales (result_sourced_id, sourced_id);
CREATE VIEW past.result_score_scales AS SELECT "sourced_id", "status", "date_last_modified", "title", "result_sourced_id", "score_scale_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM public.result_score_scales WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "title", "result_sourced_id", "score_scale_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM history.result_score_scales WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.resources (LIKE public.resources, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.resources (sourced_id);
CREATE INDEX ON history.resources (replaced_by);
CREATE VIEW past.resources AS SELECT "sourced_id", "status", "date_last_modified", "vendor_resource_id", "title", "roles", "importance", "vendor_id", "application_id", "metadata", "source_system", "valid_from", "import_id" FROM public.resources WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "vendor_resource_id", "title", "roles", "importance", "vendor_id", "application_id", "metadata", "source_system", "valid_from", "import_id" FROM history.resources WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.class_resources (LIKE public.class_resources, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.class_resources (sourced_id);
CREATE INDEX ON history.class_resources (replaced_by);
CREATE INDEX ON history.class_resources (class_sourced_id, sourced_id);
CREATE VIEW past.class_resources AS SELECT "sourced_id", "status", "date_last_modified", "title", "class_sourced_id", "resource_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM public.class_resources WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "title", "class_sourced_id", "resource_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM history.class_resources WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.course_resources (LIKE public.course_resources, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.course_resources (sourced_id);
CREATE INDEX ON history.course_resources (replaced_by);
CREATE INDEX ON history.course_resources (course_sourced_id, sourced_id);
CREATE VIEW past.course_resources AS SELECT "sourced_id", "status", "date_last_modified", "title", "course_sourced_id", "resource_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM public.course_resources WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "title", "course_sourced_id", "resource_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM history.course_resources WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.user_resources (LIKE public.user_resources, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.user_resources (sourced_id);
CREATE INDEX ON history.user_resources (replaced_by);
CREATE INDEX ON history.user_resources (user_sourced_id, sourced_id);
CREATE VIEW past.user_resources AS SELECT "sourced_id", "status", "date_last_modified", "user_sourced_id", "org_sourced_id", "class_sourced_id", "resource_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM public.user_resources WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "user_sourced_id", "org_sourced_id", "class_sourced_id", "resource_sourced_id", "metadata", "source_system", "valid_from", "import_id" FROM history.user_resources WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.assessment_line_items (LIKE public.assessment_line_items, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.assessment_line_items (sourced_id);
CREATE INDEX ON history.assessment_line_items (replaced_by);
CREATE INDEX ON history.assessment_line_items (class_sourced_id, sourced_id);
CREATE VIEW past.assessment_line_items AS SELECT "sourced_id", "status", "date_last_modified", "title", "description", "class_sourced_id", "parent_assessment_line_item_sourced_id", "score_scale_sourced_id", "result_value_min", "result_value_max", "metadata", "source_system", "valid_from", "import_id" FROM public.assessment_line_items WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "title", "description", "class_sourced_id", "parent_assessment_line_item_sourced_id", "score_scale_sourced_id", "result_value_min", "result_value_max", "metadata", "source_system", "valid_from", "import_id" FROM history.assessment_line_items WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.assessment_results (LIKE public.assessment_results, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.assessment_results (sourced_id);
CREATE INDEX ON history.assessment_results (replaced_by);
CREATE INDEX ON history.assessment_results (assessment_line_item_sourced_id, sourced_id);
CREATE INDEX ON history.assessment_results (student_sourced_id, sourced_id);
CREATE VIEW past.assessment_results AS SELECT "sourced_id", "status", "date_last_modified", "assessment_line_item_sourced_id", "student_sourced_id", "score", "text_score", "score_date", "score_scale_sourced_id", "score_percentile", "score_status", "comment", "in_progress", "incomplete", "late", "missing", "metadata", "source_system", "valid_from", "import_id" FROM public.assessment_results WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "assessment_line_item_sourced_id", "student_sourced_id", "score", "text_score", "score_date", "score_scale_sourced_id", "score_percentile", "score_status", "comment", "in_progress", "incomplete", "late", "missing", "metadata", "source_system", "valid_from", "import_id" FROM history.assessment_results WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.assessment_line_item_learning_objective_ids (LIKE public.assessment_line_item_learning_objective_ids, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.assessment_line_item_learning_objective_ids (sourced_id);
CREATE INDEX ON history.assessment_line_item_learning_objective_ids (replaced_by);
CREATE INDEX ON history.assessment_line_item_learning_objective_ids (assessment_line_item_sourced_id, sourced_id);
CREATE VIEW past.assessment_line_item_learning_objective_ids AS SELECT "sourced_id", "status", "date_last_modified", "assessment_line_item_sourced_id", "source", "learning_objective_id", "metadata", "source_system", "valid_from", "import_id" FROM public.assessment_line_item_learning_objective_ids WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "assessment_line_item_sourced_id", "source", "learning_objective_id", "metadata", "source_system", "valid_from", "import_id" FROM history.assessment_line_item_learning_objective_ids WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;

CREATE TABLE history.assessment_result_learning_objective_ids (LIKE public.assessment_result_learning_objective_ids, valid_to timestamptz NOT NULL, replaced_by bigint) PARTITION BY RANGE (valid_to);
CREATE INDEX ON history.assessment_result_learning_objective_ids (sourced_id);
CREATE INDEX ON history.assessment_result_learning_objective_ids (replaced_by);
CREATE INDEX ON history.assessment_result_learning_objective_ids (assessment_result_sourced_id, sourced_id);
CREATE VIEW past.assessment_result_learning_objective_ids AS SELECT "sourced_id", "status", "date_last_modified", "assessment_result_sourced_id", "source", "learning_objective_id", "score", "text_score", "metadata", "source_system", "valid_from", "import_id" FROM public.assessment_result_learning_objective_ids WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz UNION ALL SELECT "sourced_id", "status", "date_last_modified", "assessment_result_sourced_id", "source", "learning_objective_id", "score", "text_score", "metadata", "source_system", "valid_from", "import_id" FROM history.assessment_result_learning_objective_ids WHERE valid_from <= current_setting('rosterhub.as_of')::timestamptz AND valid_to > current_setting('rosterhub.as_of')::timestamptz;
