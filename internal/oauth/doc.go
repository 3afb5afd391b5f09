// Package oauth is the rulebook: every decision of OAuth 2.0 and OpenID Connect that this server makes, in functions that
// read like the RFCs they obey.
//
// It owns what a client is ([Client]) and may be ([Client.Validate]), who authenticates how ([ParseCredentials]), where an
// answer may go ([Target]: nothing else can build a URL back to a client), what a request needs next ([Decide]), what codes,
// families and tokens hold and when they end, and what each refusal says to the client ([Error]) and to the operator
// (audit.Cause).
//
// It must not know HTTP handlers, cookies, forms, pages or SQL. Who sits at the browser comes as a [Login], parameters as
// [Params], the caller's address as an audit.Caller, the time from Config.Now. What it has to keep it says through [Store]:
// each verb one act and one transaction. It does not import identity, so a person is what a [Person] says, and no more.
//
// It is called by handlers/oauth (the endpoints), handlers/login (consent), handlers/console and cmd (clients), and its
// [Store] is kept by store. It calls keys, secret, fault and audit.
//
// # Index
//
// Section, function that obeys it, test that proves it. Rules that need nothing but their arguments are proven here; whole
// flows are proven from the street, by the tests of web. TestDoc_indexIsTrue reads these lines.
//
//	RFC 6749 §2.3, §2.3.1           ParseCredentials      TestParseCredentials FuzzParseCredentials
//	RFC 6749 §2.3.1, Appendix B     parseBasic            TestParseCredentials FuzzParseBasic
//	RFC 6749 §3.1, §3.2             ParseParams           TestParseParams FuzzParseParams
//	RFC 6749 §3.1, §3.2             once                  TestParams_once TestAuthorizeChecks
//	RFC 6749 §3.1.1                 checkResponseType     TestAuthorizeChecks
//	RFC 6749 §3.1.2                 redirectURIFault      TestRedirectURIFault FuzzRedirectURIFault
//	RFC 6749 §3.1.2                 redirect              TestTarget_redirect FuzzTarget_redirect
//	RFC 6749 §3.1.2.3, §3.1.2.4     prove                 TestTarget_prove
//	RFC 6749 §3.2.1                 authenticate          TestAuthenticate_needsSomebody TestNegatives
//	RFC 6749 §3.3                   ParseScopes           TestParseScopes FuzzParseScopes
//	RFC 6749 §3.3                   grantable             TestGrantable
//	RFC 6749 §3.3                   unlocked              TestScopes_limitedOnesAreForSomeAlone TestScopes_aPasswordGetsNoMoreThanAConsent TestAttack_aScopeMadeAgainIsNobodysGrant
//	RFC 6749 §4.1.2.1               Refuse                TestTarget_refuse TestErrors_areDescribableAndExplained
//	RFC 6749 §4.1.2.1               Target                TestTarget_isNotProvenFromDoubles TestAuthorize_neverRedirectsToWhatIsNotProven
//	RFC 6749 §4.1.3, §10.5          redeemCode            TestToken_aCodeWorksOnce TestToken_whatACodeIsBoundTo
//	RFC 6749 §4.2.2                 issueImplicit         TestImplicit_givesATokenInTheFragment
//	RFC 6749 §4.3                   tradePassword         TestPassword_givesTokens
//	RFC 6749 §4.4                   actAsItself           TestActAsItself_isNotForPublicClients TestIssue_forAClientItself TestClientCredentials_giveATokenOfTheClientsOwn
//	RFC 6749 §5.1                   issue                 TestIssue_saysWhatWasGranted
//	RFC 6749 §5.2                   grantFor              TestGrantFor
//	RFC 6749 §5.2, RFC 6750 §3.1    Status                TestError_Status
//	RFC 6749 §6                     narrowed              TestNarrowed
//	RFC 6749 §6, RFC 9700 §4.14.2   refresh               TestRefresh_aRetryGetsTheSameSuccessorUntilItWasUsed
//	RFC 6750 §2, §3.1               BearerToken           TestBearerToken TestBearerToken_keepsNoTokenInTheAuditLog
//	RFC 6750 §3.1                   bearer                TestEnding_takesEffectAtOnce
//	RFC 7009 §2                     Revoke                TestRevoke
//	RFC 7521 §4.2                   ParseCredentials      TestParseCredentials
//	RFC 7591 §2                     ClientFromMetadata    TestClientFromMetadata_fillsInTheDefaults FuzzClientFromMetadata
//	RFC 7591 §2                     IgnoredMembers        TestIgnoredMembers
//	RFC 7591 §2                     Validate              TestClient_Validate
//	RFC 7591 §2.1, §3.2.2           ClientFromMetadata    TestClientFromMetadata_refuses
//	RFC 7591 §3.2.1                 Registration          TestRegistration_saysWhenASecretEnds TestRegistration_isReadBack
//	RFC 7591 §3.2.2                 MetadataFault         TestMetadataFault_namesTheSameFieldEachTime
//	RFC 7636 §4.1                   validVerifier         TestValidVerifier
//	RFC 7636 §4.2                   validChallenge        TestValidChallenge
//	RFC 7636 §4.3, §4.4.1           checkPKCE             TestCheckPKCE
//	RFC 7636 §4.6, Appendix B       verifierMatches       TestVerifierMatches FuzzVerifierMatches
//	RFC 7662 §2.1, §2.2             Introspect            TestIntrospect
//	RFC 8252 §7.3, §8.3             redirectURIMatches    TestRedirectURIMatches FuzzRedirectURIMatches
//	RFC 8252 §8.6                   rememberable          TestRememberable TestDecide TestConsent_isNotAskedForOurOwn
//	RFC 8259 §4                     unmarshalObject       TestClientFromMetadata_readsNamesAsTheyAreWritten
//	RFC 8414 §2                     Discovery             TestDiscovery_saysWhatTheChecksTake
//	RFC 8707 §2                     checkResource         TestAuthorizeChecks
//	RFC 8707 §2                     resourceSyntax        TestResourceSyntax
//	RFC 8707 §2.2                   resourceOf            TestResourceOf
//	RFC 8725 §3.11, RFC 9068 §4     accessToken           TestTokens_areNotMistakenForEachOther
//	RFC 9068 §2.2                   makeAccessToken       TestIssue_saysWhatWasGranted
//	RFC 9207 §2                     redirect              TestTarget_redirectGivesStateBackUntouched
//	RFC 9700 §2.1.1, §4.8.2         proveVerifier         TestProveVerifier_refusesADowngrade
//	RFC 9700 §4.1.3                 redirectURIMatches    TestRedirectURIMatches
//	RFC 9700 §4.3.2                 RefreshToken          TestTutorial_aRefreshTokenInTheURLIsRefused
//	RFC 9700 §4.14.2                presentedEvent        TestFamily_tellsItsStory
//	RFC 9700 §4.15                  Identify              TestIdentify_givesEveryClientItsOwnID
//	OIDC Core §2, §3.1.3.6          signIDToken           TestIssue_saysWhatWasGranted TestHalfHash
//	OIDC Core §3.1.2.1              Decide                TestDecide TestDecide_promptNoneNeverAsks TestDecide_asksToSignInOnce
//	OIDC Core §3.1.2.1              checkPrompt           TestAuthorizeChecks
//	OIDC Core §3.1.2.1              checkMaxAge           TestCheckMaxAge TestAuthorizeChecks
//	OIDC Core §3.1.2.1              hintSubject           TestHintSubject
//	OIDC Core §3.1.2.4              Decide                TestDecide_doneMeansThatEverythingHolds
//	OIDC Core §5.1.2                ownClaims             TestGroups_areToldToThoseWhoMayKnow TestAttributes_areToldAsClaims
//	OIDC Core §5.4                  claimsFor             TestClaimsFor
//	OIDC Core §5.5, §5.5.1          checkClaims           TestCheckClaims TestNegatives
//	OIDC Core §6, RFC 9101          checkRequestObject    TestAuthorizeChecks
//	OIDC Core §11                   mayRefresh            TestMayRefresh TestBeginFamily
//	OAuth MRT §2.1, §5              modeOf                TestModeOf TestImplicit_errorsGoIntoTheFragment
//	security.md rule 1              notARetry             TestNotARetry TestRefresh_theReuseIntervalEnds
//	security.md rule 1              retried               TestRetried_answersWithTheOneSuccessor
//	security.md rule 2              proveVerifier         TestProveVerifier_refusesADowngrade TestToken_aWrongVerifierDoesNotSpendTheCodeButFiveDo
//	security.md rule 3              live                  TestEnding_takesEffectAtOnce
//	security.md rule 5              verifyIDToken         TestTokens_areNotMistakenForEachOther
//	security.md rule 5              anyAccessToken        TestAPI_aSharedSecretOpensNothingElse
//	security.md rule 6              introspectAccess      TestAPI_isIntrospectedByItsOwnClient
//	security.md rule 14             Because               TestError_becauseAndForCopy TestTarget_refuse
//	security.md rule 16             asDefaultClient       TestTutorial_theDefaultClientServesPasswordAndRefreshAlone
package oauth
