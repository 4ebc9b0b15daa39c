'use client';
// `nestjs-refresh-token/react`: the client in React 18 and later. The directive lets Next.js load it in the browser.
export { AuthProvider, type AuthProviderProps } from './auth-provider.js';
export { type Auth, useAuth } from './use-auth.js';
export { useUser } from './use-user.js';
