/** At most as many code points as the column holds, and nothing that a database would refuse or store as something else. */
export const CLIENT_ID = /^[^\p{Cc}\p{Cs}]{1,255}$/u;
