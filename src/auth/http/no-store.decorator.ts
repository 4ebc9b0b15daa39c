import { Header } from '@nestjs/common';

/** What holds a token, or speaks of one, is kept by no cache (RFC 6749 §5.1). */
export const NO_STORE = ['Cache-Control', 'no-store'] as const;

export const NoStore = () => Header(...NO_STORE);
