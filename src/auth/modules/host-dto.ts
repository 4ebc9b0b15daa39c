import type { Type } from '@nestjs/common';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { declaredFields } from '../common/request/declared-fields.js';

/** The fields that name an account, if nothing else is said. */
const USUAL_ACCOUNT_FIELDS = ['username', 'email'];
/** Each of them is a counter of failed logins, and each counter is a place that a request has to take. */
const MOST_ACCOUNT_FIELDS = 4;

/**
 * The class of the host for the body of a route.
 *
 * @param own fields of this route that are the module's own
 * @throws AuthConfigurationError if it is not a class with decorators of `class-validator`, or if a property is reserved
 */
export function checkedDto<T extends object>(
  name: string,
  dto: Type<T> | undefined,
  own: readonly string[],
): Type<T> | undefined {
  if (dto === undefined) return undefined;
  const fields = typeof dto === 'function' ? declaredFields(dto) : [];
  if (fields.length === 0) {
    throw new AuthConfigurationError(
      `${name} must be a class whose properties have decorators of class-validator, for example @IsEmail() email: string. ` +
        'A property without any would be refused as an unknown field.',
    );
  }
  const reserved = fields.find((field) => own.includes(field));
  if (reserved !== undefined) {
    throw new AuthConfigurationError(
      `${name}: the module itself reads the field ${reserved}. Give the property another name. Reserved are: ${own.join(', ')}.`,
    );
  }
  return dto;
}

/**
 * The fields of a login that name its account.
 *
 * @throws AuthConfigurationError if the class has no such field, and the host does not say so
 */
export function accountFieldsOf(given: unknown, loginDto: Type | undefined): readonly string[] {
  if (!loginDto) {
    if (given === undefined) return ['username'];
    throw new AuthConfigurationError('accountFields names fields of loginDto. Add loginDto, or remove accountFields.');
  }
  const declared = declaredFields(loginDto);
  const fields = given ?? USUAL_ACCOUNT_FIELDS.filter((field) => declared.includes(field));
  if (!Array.isArray(fields) || fields.length > MOST_ACCOUNT_FIELDS || new Set(fields).size < fields.length) {
    throw new AuthConfigurationError(
      `accountFields must be a list of at most ${MOST_ACCOUNT_FIELDS} different fields, for example ['phone'].`,
    );
  }
  const unknown = (fields as unknown[]).find((field) => !declared.includes(field as string));
  if (unknown !== undefined) {
    throw new AuthConfigurationError(
      `accountFields: loginDto has no property ${JSON.stringify(unknown)} with decorators of class-validator. It has: ${declared.join(', ')}.`,
    );
  }
  if (given === undefined && fields.length === 0) {
    throw new AuthConfigurationError(
      "loginDto has neither username nor email. Say which field names the account, for example accountFields: ['phone']. " +
        'Guesses are limited by it. For logins that name no account write accountFields: [].',
    );
  }
  return fields as string[];
}
