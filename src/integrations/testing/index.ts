// `nestjs-refresh-token/testing`: tests of your own controllers, with and without a database.
export { AuthTestingModule } from './auth-testing.module.js';
export { type AuthTestingOptions, AuthTestingExtras } from './auth-testing-options.js';
export { TestUsers, type TestAccount } from './test-users.js';
export { TestClock } from './test-clock.js';
export { signedIn, type SignedInOptions } from './sign-in-for-test.js';
export type { SignedIn } from './signed-in.js';
export { trustUser, type TrustUserOptions } from './trust-user.js';
export { TrustedCaller, type TrustedTestUser } from './trusted-caller.js';
