-- The tables of the OneRoster entities as of revision 0001 (model/entities.py, frozen).

CREATE TABLE academic_sessions (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "title" text,
    "type" text,
    "start_date" date,
    "end_date" date,
    "parent_sourced_id" text,
    "school_year" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT academic_sessions_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_academic_sessions_parent_sourced_id ON academic_sessions (parent_sourced_id, sourced_id);

CREATE TABLE orgs (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "name" text,
    "type" text,
    "identifier" text,
    "parent_sourced_id" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT orgs_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_orgs_parent_sourced_id ON orgs (parent_sourced_id, sourced_id);

CREATE TABLE courses (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "school_year_sourced_id" text,
    "title" text,
    "course_code" text,
    "grades" text[],
    "org_sourced_id" text,
    "subjects" text[],
    "subject_codes" text[],
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT courses_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_courses_org_sourced_id ON courses (org_sourced_id, sourced_id);

CREATE TABLE classes (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "title" text,
    "grades" text[],
    "course_sourced_id" text,
    "class_code" text,
    "class_type" text,
    "location" text,
    "school_sourced_id" text,
    "term_sourced_ids" text[],
    "subjects" text[],
    "subject_codes" text[],
    "periods" text[],
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT classes_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_classes_course_sourced_id ON classes (course_sourced_id);
CREATE INDEX idx_classes_school_sourced_id ON classes (school_sourced_id);
CREATE INDEX idx_classes_term_sourced_ids ON classes USING gin (term_sourced_ids);
CREATE INDEX idx_classes_date_last_modified ON classes (date_last_modified);

CREATE TABLE users (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "enabled_user" boolean,
    "username" text,
    "user_ids" text[],
    "given_name" text,
    "family_name" text,
    "middle_name" text,
    "identifier" text,
    "email" text,
    "sms" text,
    "phone" text,
    "agent_sourced_ids" text[],
    "grades" text[],
    "user_master_identifier" text,
    "resource_sourced_ids" text[],
    "preferred_given_name" text,
    "preferred_middle_name" text,
    "preferred_family_name" text,
    "primary_org_sourced_id" text,
    "pronouns" text,
    "org_sourced_ids" text[] NOT NULL DEFAULT '{}',
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT users_pkey PRIMARY KEY (sourced_id)
);
CREATE UNIQUE INDEX users_username_key ON users (username) WHERE status <> 'tobedeleted';
CREATE UNIQUE INDEX users_user_master_identifier_key ON users (user_master_identifier) WHERE status <> 'tobedeleted';
CREATE INDEX idx_users_username_gone ON users (username) WHERE NOT (status <> 'tobedeleted');
CREATE INDEX idx_users_user_master_identifier_gone ON users (user_master_identifier) WHERE NOT (status <> 'tobedeleted');
CREATE INDEX idx_users_status ON users (status) WHERE status = 'active';
CREATE INDEX idx_users_org_sourced_ids ON users USING gin (org_sourced_ids);
CREATE INDEX idx_users_date_last_modified ON users (date_last_modified);
CREATE INDEX idx_users_email ON users (email) WHERE email IS NOT NULL;

CREATE TABLE roles (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "user_sourced_id" text,
    "role_type" text,
    "role" text,
    "begin_date" date,
    "end_date" date,
    "org_sourced_id" text,
    "user_profile_sourced_id" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT roles_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_roles_user_sourced_id ON roles (user_sourced_id, sourced_id);
CREATE INDEX idx_roles_org_sourced_id ON roles (org_sourced_id, sourced_id);

CREATE TABLE user_profiles (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "user_sourced_id" text,
    "profile_type" text,
    "vendor_id" text,
    "application_id" text,
    "description" text,
    "credential_type" text,
    "username" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT user_profiles_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_user_profiles_user_sourced_id ON user_profiles (user_sourced_id, sourced_id);

CREATE TABLE enrollments (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "class_sourced_id" text,
    "school_sourced_id" text,
    "user_sourced_id" text,
    "role" text,
    "primary" boolean,
    "begin_date" date,
    "end_date" date,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT enrollments_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_enrollments_class_sourced_id ON enrollments (class_sourced_id);
CREATE INDEX idx_enrollments_user_sourced_id ON enrollments (user_sourced_id);
CREATE INDEX idx_enrollments_role ON enrollments (role);
CREATE INDEX idx_enrollments_school_sourced_id ON enrollments (school_sourced_id, sourced_id);
CREATE INDEX idx_enrollments_date_last_modified ON enrollments (date_last_modified);

CREATE TABLE demographics (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "birth_date" date,
    "sex" text,
    "american_indian_or_alaska_native" boolean,
    "asian" boolean,
    "black_or_african_american" boolean,
    "native_hawaiian_or_other_pacific_islander" boolean,
    "white" boolean,
    "demographic_race_two_or_more_races" boolean,
    "hispanic_or_latino_ethnicity" boolean,
    "country_of_birth_code" text,
    "state_of_birth_abbreviation" text,
    "city_of_birth" text,
    "public_school_residence_status" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT demographics_pkey PRIMARY KEY (sourced_id)
);

CREATE TABLE categories (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "title" text,
    "weight" numeric,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT categories_pkey PRIMARY KEY (sourced_id)
);

CREATE TABLE line_items (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "title" text,
    "description" text,
    "assign_date" timestamptz(3),
    "due_date" timestamptz(3),
    "class_sourced_id" text,
    "category_sourced_id" text,
    "academic_session_sourced_id" text,
    "result_value_min" numeric,
    "result_value_max" numeric,
    "school_sourced_id" text,
    "grading_period_sourced_id" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT line_items_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_line_items_class_sourced_id ON line_items (class_sourced_id, sourced_id);
CREATE INDEX idx_line_items_school_sourced_id ON line_items (school_sourced_id, sourced_id);
CREATE INDEX idx_line_items_date_last_modified ON line_items (date_last_modified);

CREATE TABLE results (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "line_item_sourced_id" text,
    "student_sourced_id" text,
    "score_status" text,
    "score" numeric,
    "score_date" date,
    "comment" text,
    "text_score" text,
    "class_sourced_id" text,
    "in_progress" boolean,
    "incomplete" boolean,
    "late" boolean,
    "missing" boolean,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT results_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_results_line_item_sourced_id ON results (line_item_sourced_id, sourced_id);
CREATE INDEX idx_results_student_sourced_id ON results (student_sourced_id, sourced_id);
CREATE INDEX idx_results_class_sourced_id ON results (class_sourced_id, sourced_id);
CREATE INDEX idx_results_date_last_modified ON results (date_last_modified);

CREATE TABLE score_scales (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "title" text,
    "type" text,
    "org_sourced_id" text,
    "course_sourced_id" text,
    "class_sourced_id" text,
    "score_scale_value" text[],
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT score_scales_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_score_scales_class_sourced_id ON score_scales (class_sourced_id, sourced_id);
CREATE INDEX idx_score_scales_org_sourced_id ON score_scales (org_sourced_id, sourced_id);

CREATE TABLE line_item_learning_objective_ids (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "line_item_sourced_id" text,
    "source" text,
    "learning_objective_id" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT line_item_learning_objective_ids_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_line_item_learning_objective_ids_line_item_sourced_id ON line_item_learning_objective_ids (line_item_sourced_id, sourced_id);

CREATE TABLE line_item_score_scales (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "title" text,
    "line_item_sourced_id" text,
    "score_scale_sourced_id" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT line_item_score_scales_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_line_item_score_scales_line_item_sourced_id ON line_item_score_scales (line_item_sourced_id, sourced_id);

CREATE TABLE result_learning_objective_ids (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "result_sourced_id" text,
    "source" text,
    "learning_objective_id" text,
    "score" numeric,
    "text_score" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT result_learning_objective_ids_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_result_learning_objective_ids_result_sourced_id ON result_learning_objective_ids (result_sourced_id, sourced_id);

CREATE TABLE result_score_scales (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "title" text,
    "result_sourced_id" text,
    "score_scale_sourced_id" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT result_score_scales_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_result_score_scales_result_sourced_id ON result_score_scales (result_sourced_id, sourced_id);

CREATE TABLE resources (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "vendor_resource_id" text,
    "title" text,
    "roles" text[],
    "importance" text,
    "vendor_id" text,
    "application_id" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT resources_pkey PRIMARY KEY (sourced_id)
);

CREATE TABLE class_resources (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "title" text,
    "class_sourced_id" text,
    "resource_sourced_id" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT class_resources_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_class_resources_class_sourced_id ON class_resources (class_sourced_id, sourced_id);

CREATE TABLE course_resources (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "title" text,
    "course_sourced_id" text,
    "resource_sourced_id" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT course_resources_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_course_resources_course_sourced_id ON course_resources (course_sourced_id, sourced_id);

CREATE TABLE user_resources (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "user_sourced_id" text,
    "org_sourced_id" text,
    "class_sourced_id" text,
    "resource_sourced_id" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT user_resources_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_user_resources_user_sourced_id ON user_resources (user_sourced_id, sourced_id);

CREATE TABLE assessment_line_items (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "title" text,
    "description" text,
    "class_sourced_id" text,
    "parent_assessment_line_item_sourced_id" text,
    "score_scale_sourced_id" text,
    "result_value_min" numeric,
    "result_value_max" numeric,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT assessment_line_items_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_assessment_line_items_class_sourced_id ON assessment_line_items (class_sourced_id, sourced_id);

CREATE TABLE assessment_results (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "assessment_line_item_sourced_id" text,
    "student_sourced_id" text,
    "score" numeric,
    "text_score" text,
    "score_date" date,
    "score_scale_sourced_id" text,
    "score_percentile" numeric,
    "score_status" text,
    "comment" text,
    "in_progress" boolean,
    "incomplete" boolean,
    "late" boolean,
    "missing" boolean,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT assessment_results_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_assessment_results_assessment_line_item_sourced_id ON assessment_results (assessment_line_item_sourced_id, sourced_id);
CREATE INDEX idx_assessment_results_student_sourced_id ON assessment_results (student_sourced_id, sourced_id);

CREATE TABLE assessment_line_item_learning_objective_ids (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "assessment_line_item_sourced_id" text,
    "source" text,
    "learning_objective_id" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT assessment_line_item_learning_objective_ids_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_assessment_line_item_learning_objective_ids_assessment_line ON assessment_line_item_learning_objective_ids (assessment_line_item_sourced_id, sourced_id);

CREATE TABLE assessment_result_learning_objective_ids (
    "sourced_id" text NOT NULL,
    "status" text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'tobedeleted')),
    "date_last_modified" timestamptz(3) NOT NULL DEFAULT now(),
    "assessment_result_sourced_id" text,
    "source" text,
    "learning_objective_id" text,
    "score" numeric,
    "text_score" text,
    "metadata" jsonb,
    "source_system" text NOT NULL DEFAULT 'default',
    "valid_from" timestamptz NOT NULL DEFAULT now(),
    "import_id" bigint,
    CONSTRAINT assessment_result_learning_objective_ids_pkey PRIMARY KEY (sourced_id)
);
CREATE INDEX idx_assessment_result_learning_objective_ids_assessment_result_ ON assessment_result_learning_objective_ids (assessment_result_sourced_id, sourced_id);
