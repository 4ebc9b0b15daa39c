/** How a user who gave a password has authenticated (RFC 8176). */
export const BY_PASSWORD = ['pwd'];
