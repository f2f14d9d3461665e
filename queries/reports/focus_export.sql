-- FOCUS-style export: Bedrock usage as cost rows for a FinOps platform.
-- FOCUS column names where they exist and x_ for ours. Costs are computed from logged tokens and the price
-- book, not billed amounts: do not add them to the provider's own FOCUS export, hold them against it.
-- One row is one workload, UTC day and token kind with tokens.
-- Reads: volume, workloads. Units: US dollars in the day, tokens; null is unknown. Order: day, account,
-- region, caller, model, workload, token kind.
SELECT
  'AWS' AS "ProviderName",
  'AWS' AS "PublisherName",
  'Amazon Bedrock' AS "ServiceName",
  'AI and Machine Learning' AS "ServiceCategory",
  'Usage' AS "ChargeCategory",
  'Usage-Based' AS "ChargeFrequency",
  v.model || ' ' || v.token_kind || ' tokens' AS "ChargeDescription",
  v.date AS "ChargePeriodStart",
  CAST(v.date + INTERVAL '1' DAY AS date) AS "ChargePeriodEnd",
  v.account AS "SubAccountId",
  v.region AS "RegionId",
  v.model AS "ResourceId",
  'Foundation model' AS "ResourceType",
  'USD' AS "BillingCurrency",
  v.cost_usd AS "EffectiveCost",
  v.tokens AS "ConsumedQuantity",
  'Tokens' AS "ConsumedUnit",
  v.tags AS "x_RequestMetadata",
  v.caller AS "x_Caller",
  v.caller_kind AS "x_CallerKind",
  v.scope AS "x_ModelScope",
  v.operation AS "x_Operation",
  v.token_kind AS "x_TokenKind",
  w.priced_as AS "x_PricedAs",
  v.verdict AS "x_Verdict",
  v.mode AS "x_RecommendedMode",
  v.eligible_tokens AS "x_EligibleTokens",
  v.addressable_tokens AS "x_AddressableTokens",
  v.blocked_tokens AS "x_BlockedTokens",
  v.moved_cost_usd AS "x_MovedCost",
  v.workload AS "x_Workload"
FROM volume AS v
JOIN workloads AS w ON w.workload = v.workload
ORDER BY v.date, v.account, v.region, v.caller, v.model, v.workload, v.token_kind
