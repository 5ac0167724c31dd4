"""Error codes and types of the providers, each with its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.outcomes.tables import (
    _BAD_VAGUE,
    _BROKEN_VAGUE,
    _PERMISSION_VAGUE,
    ACCOUNT,
    BAD,
    BROKEN,
    BUSY,
    KEY,
    LIMITED,
    PERMISSION,
    POLICY,
    REGION,
    SLOW,
    WITHDRAWN,
    Meaning,
)

_GROUPS: Final[tuple[tuple[str, Meaning, str], ...]] = (
    # --- OpenAI: codes and types of the API, and of `Response.error` ---
    (
        "OpenAI",
        KEY,
        "invalid_api_key invalid_authentication invalid_issuer token_expired authentication_error",
    ),
    ("OpenAI", PERMISSION, "permission_error insufficient_permissions missing_scope ip_not_authorized"),
    (
        "OpenAI",
        PERMISSION,
        "invalid_organization mismatched_organization mismatched_project model_not_allowed",
    ),
    ("OpenAI", REGION, "unsupported_country_region_territory data_residency_mismatch"),
    ("OpenAI", WITHDRAWN, "model_not_found model_not_available resource_not_found"),
    (
        "OpenAI",
        ACCOUNT,
        "insufficient_quota billing_not_active billing_hard_limit_reached account_deactivated",
    ),
    (
        "OpenAI",
        ACCOUNT,
        "account_suspended organization_deactivated project_archived credit_balance_exhausted",
    ),
    ("OpenAI", ACCOUNT, "usage_limit_exceeded organization_usage_limit_exceeded session_budget_exceeded"),
    ("OpenAI", ACCOUNT, "project_spend_limit_exceeded organization_spend_limit_exceeded"),
    ("OpenAI", POLICY, "content_policy_violation content_filter invalid_prompt bio_policy cyber_policy"),
    ("OpenAI", POLICY, "cyber_policy_violation bio_policy_violation misalignment_policy_violation"),
    ("OpenAI", POLICY, "image_content_policy_violation moderation_blocked"),
    ("OpenAI", LIMITED, "rate_limit_exceeded rate_limit_error tokens requests slow_down"),
    ("OpenAI", BUSY, "server_overloaded engine_overloaded engine_overloaded_error flex_unavailable"),
    ("OpenAI", BUSY, "service_unavailable service_unavailable_error resource_unavailable"),
    ("OpenAI", BROKEN, "server_error internal_error internal_server_error connection_failed sandbox_error"),
    ("OpenAI", SLOW, "request_timeout timeout vector_store_timeout"),
    ("OpenAI", _BAD_VAGUE, "invalid_request_error invalid_request"),
    ("OpenAI", BAD, "context_length_exceeded string_above_max_length max_output_tokens unsupported_value"),
    ("OpenAI", BAD, "unsupported_parameter unknown_parameter missing_required_parameter invalid_value"),
    ("OpenAI", BAD, "invalid_type integer_below_min_value integer_above_max_value decimal_below_min_value"),
    ("OpenAI", BAD, "decimal_above_max_value array_above_max_length invalid_image invalid_image_format"),
    ("OpenAI", BAD, "invalid_base64_image invalid_image_url image_too_large image_too_small"),
    ("OpenAI", BAD, "image_parse_error invalid_image_mode image_file_too_large unsupported_image_media_type"),
    ("OpenAI", BAD, "empty_image_file failed_to_download_image image_file_not_found unknown_url"),
    ("OpenAI", BAD, "executor_version_incompatible active_turn_not_steerable json_parse_error"),
    # --- Azure ---
    ("Azure", POLICY, "ResponsibleAIPolicyViolation contentFilter"),
    ("Azure", WITHDRAWN, "DeploymentNotFound ModelDeprecated ResourceNotFound"),
    ("Azure", PERMISSION, "AccessDenied PermissionDenied AuthorizationFailed"),
    ("Azure", KEY, "InvalidSubscriptionKey Unauthorized InvalidAuthenticationToken"),
    ("Azure", BAD, "OperationNotSupported"),
    ("Azure", BUSY, "NoCapacity ServerBusy"),
    ("Azure", LIMITED, "RateLimitReached TooManyRequests"),
    ("Azure", BROKEN, "InternalServerError"),
    ("Azure", _BAD_VAGUE, "BadRequest"),
    # --- servers and routers that speak OpenAI's protocols ---
    ("Groq", WITHDRAWN, "model_decommissioned"),
    ("Groq", ACCOUNT, "organization_restricted blocked_api_access"),
    (
        "Groq",
        PERMISSION,
        "model_permission_blocked_org model_permission_blocked_project model_terms_required",
    ),
    ("Groq", BUSY, "capacity_exceeded over_capacity"),
    ("Groq", BAD, "tool_use_failed json_validate_failed"),
    ("vLLM", _BAD_VAGUE, "BadRequestError invalid_request_message"),
    ("vLLM", KEY, "AuthenticationError UnauthorizedError"),
    ("vLLM", WITHDRAWN, "NotFoundError"),
    ("vLLM", _BROKEN_VAGUE, "InternalServerError"),
    ("llama.cpp", BAD, "exceed_context_size_error not_supported_error"),
    ("llama.cpp", BUSY, "unavailable_error"),
    ("Mistral", BUSY, "service_tier_capacity_exceeded 3505"),
    ("Mistral", WITHDRAWN, "invalid_model 1500"),
    ("DashScope", POLICY, "data_inspection_failed DataInspectionFailed"),
    ("DashScope", ACCOUNT, "Arrearage"),
    ("Zhipu", POLICY, "1301"),
    ("Together, xAI and others", _BROKEN_VAGUE, "unknown_error upstream_error provider_error error"),
    # --- Anthropic: `error.type`, then `error.details.error_code` ---
    ("Anthropic", ACCOUNT, "billing_error"),
    ("Anthropic", _PERMISSION_VAGUE, "permission_error"),
    ("Anthropic", WITHDRAWN, "not_found_error"),
    ("Anthropic", SLOW, "timeout_error request_body_timeout"),
    ("Anthropic", _BROKEN_VAGUE, "api_error conflict_error"),
    ("Anthropic", BUSY, "overloaded_error compaction_unavailable"),
    ("Anthropic", BAD, "request_too_large memory_precondition_failed_error memory_path_conflict_error"),
    ("Anthropic", ACCOUNT, "organization_on_hold organization_on_hold_error contract_spend_limit_reached"),
    ("Anthropic", ACCOUNT, "enforced_spend_limit_reached linked_organization_billing_unavailable"),
    ("Anthropic", ACCOUNT, "linked_organization_spend_limit_reached user_profile_billing_not_authorized"),
    ("Anthropic", ACCOUNT, "user_profile_not_billable storage_quota_exceeded"),
    ("Anthropic", LIMITED, "ramp_limit_exceeded"),
    ("Anthropic", BUSY, "cmek_key_unreachable cmek_context_unavailable concurrent_membership_change"),
    ("Anthropic", BUSY, "thread_continue_in_flight external_key_validation_timed_out"),
    ("Anthropic", KEY, "claude_code_key_creator_not_member"),
    ("Anthropic", PERMISSION, "api_key_scope_missing organization_level_scoped_api_key_required"),
    ("Anthropic", PERMISSION, "organization_not_enrolled_in_beta organization_type_not_supported"),
    ("Anthropic", PERMISSION, "parent_organization_required workspace_policy_violation"),
    ("Anthropic", PERMISSION, "sandbox_egress_restricted cmek_key_disabled cmek_key_network_blocked"),
    ("Anthropic", PERMISSION, "compliance_configuration_restricted environment_create_disabled"),
    ("Anthropic", PERMISSION, "environment_update_disabled claude_tag_writes_not_enabled"),
    ("Anthropic", PERMISSION, "spend_limits_admin_api_writes_not_enabled skill_read_blocked_undecryptable"),
    ("Anthropic", BAD, "user_profile_required user_profile_not_found available_tools_limit_exceeded"),
    ("Anthropic", BAD, "claude_code_version_too_old compaction_block_ambiguous compaction_block_misplaced"),
    ("Anthropic", BAD, "compaction_content_mismatch compaction_incomplete_turn image_dimensions_too_large"),
    ("Anthropic", BAD, "compaction_nothing_to_summarize compaction_signature_invalid tool_name_conflict"),
    ("Anthropic", BAD, "compaction_too_many_tool_references compaction_tool_changes_mismatch"),
    ("Anthropic", BAD, "request_body_encoding_invalid request_body_encoding_unsupported"),
    ("Anthropic", BAD, "request_body_too_large_after_decoding unsupported_charset invalid_metadata"),
    ("Anthropic", BAD, "thread_already_continued thread_fingerprint_mismatch thread_unsupported_request"),
    ("Anthropic", BAD, "thread_not_found tool_reference_unresolved file_not_downloadable file_expired"),
    # Codes of Anthropic's administration API, which shares the list: never seen by a probe.
    ("Anthropic", BAD, "org_api_key_limit_exceeded workspace_api_key_limit_exceeded already_member"),
    ("Anthropic", BAD, "external_key_in_workspace_policy cannot_invite_emails_with_unverified_domains"),
    ("Anthropic", BAD, "email_domain_not_allowed invite_already_exists org_member_limit_exceeded"),
    ("Anthropic", BAD, "rbac_group_grants_owner_access rbac_group_owner_access_unconfirmed"),
    ("Anthropic", BAD, "cannot_remove_last_member external_key_validation_failed key_profile_mismatch"),
    ("Anthropic", BAD, "external_key_changed workspace_member_limit_exceeded rbac_role_not_found"),
    ("Anthropic", BAD, "environment_archived invalid_config_type_change heartbeat_precondition_failed"),
    ("Anthropic", BAD, "cannot_sign_out_primary_owner cannot_sign_out_self cannot_sign_out_managed_member"),
    ("Anthropic", BAD, "cannot_sign_out_membership_admin cannot_sign_out_owner plugin_name_taken"),
    ("Anthropic", BAD, "cannot_sign_out_privileged_member skill_name_taken registration_pending scan_failed"),
    ("Anthropic", BAD, "scan_pending settings_document_limit_exceeded settings_history_limit_exceeded"),
    ("Anthropic", BAD, "cmek_feature_unsupported rbac_group_managed_settings_not_found rbac_group_not_found"),
    ("Anthropic", BAD, "rbac_group_order_limit_exceeded slack_channel_set_up_settings_refused"),
    ("Anthropic", BAD, "slack_channel_set_up_environment_not_found slack_channel_set_up_settings_conflict"),
    ("Anthropic", BAD, "environment_not_found bundle_attachment_not_supported bundle_on_call"),
    # --- Google: `error.status`, then `error.details[].reason` ---
    (
        "Google",
        KEY,
        "UNAUTHENTICATED API_KEY_INVALID API_KEY_EXPIRED ACCESS_TOKEN_EXPIRED CREDENTIALS_MISSING",
    ),
    ("Google", _PERMISSION_VAGUE, "PERMISSION_DENIED"),
    ("Google", PERMISSION, "SERVICE_DISABLED API_KEY_SERVICE_BLOCKED API_KEY_HTTP_REFERRER_BLOCKED"),
    (
        "Google",
        PERMISSION,
        "API_KEY_IP_ADDRESS_BLOCKED IAM_PERMISSION_DENIED ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    ),
    ("Google", ACCOUNT, "CONSUMER_SUSPENDED CONSUMER_INVALID BILLING_DISABLED"),
    ("Google", REGION, "LOCATION_POLICY_VIOLATED"),
    ("Google", WITHDRAWN, "NOT_FOUND"),
    ("Google", LIMITED, "RESOURCE_EXHAUSTED RATE_LIMIT_EXCEEDED"),
    ("Google", BUSY, "UNAVAILABLE ABORTED"),
    ("Google", BROKEN, "INTERNAL DATA_LOSS"),
    ("Google", _BROKEN_VAGUE, "UNKNOWN"),
    ("Google", SLOW, "DEADLINE_EXCEEDED CANCELLED"),
    ("Google", _BAD_VAGUE, "INVALID_ARGUMENT FAILED_PRECONDITION"),
    ("Google", BAD, "OUT_OF_RANGE ALREADY_EXISTS UNIMPLEMENTED"),
)
"""(who uses them, meaning, codes and types). A later row wins over an earlier one with the same word."""

ERRORS: Final[Mapping[str, Meaning]] = {
    value.lower(): meaning for _, meaning, values in _GROUPS for value in values.split()
}
"""Error code or type in lower case -> what it means."""


def listing() -> list[tuple[str, str, Meaning]]:
    """Return (who uses it, code or type as written, meaning) for each known error, in the table's order."""
    return [(who, value, ERRORS[value.lower()]) for who, _, values in _GROUPS for value in values.split()]
