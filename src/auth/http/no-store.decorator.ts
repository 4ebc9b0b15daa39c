import { Header } from '@nestjs/common';

/** No cache may store a response with a token or with data about one (RFC 6749 §5.1). */
export const NO_STORE = ['Cache-Control', 'no-store'] as const;

export const NoStore = () => Header(...NO_STORE);
