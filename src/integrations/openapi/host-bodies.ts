import type { Type } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import { getMetadataStorage, ValidationTypes } from 'class-validator';
import { declaredFields } from '../../auth/common/request/declared-fields.js';
import { FIELDS_OF_CONTINUING, FIELDS_OF_LOGIN, FIELDS_OF_STEP_UP } from '../../auth/common/request/own-fields.js';
import type { Registered } from '../../auth/modules/auth-module-registry.js';
import type { Described } from './operations.js';
import { AUTH_SCHEMAS } from './schemas.js';

interface ObjectSchema {
  properties?: Record<string, object>;
  required?: string[];
}

/** The same operations, with the fields of the host's own classes in place of a password. */
export function withHostBodies(
  operations: Record<string, Described>,
  { registration: { loginDto, stepUpDto, mfaDto } }: Registered,
  document: OpenAPIObject,
): Record<string, Described> {
  const changed = { ...operations };
  const change = (route: string, schema: string, own: readonly string[], dto: Type | undefined) => {
    if (dto) changed[route] = withBody(operations[route], bodyOf(document, ownPart(schema, own), dto));
  };
  change('post /login', 'AuthLoginRequest', FIELDS_OF_LOGIN, loginDto);
  change('post /step-up', 'AuthStepUpRequest', FIELDS_OF_STEP_UP, stepUpDto);
  change('post /login/continue', 'AuthContinueRequest', FIELDS_OF_CONTINUING, mfaDto);
  return changed;
}

function withBody(operation: Described, schema: object): Described {
  const { content, ...requestBody } = operation.requestBody as { content: Record<string, object> };
  const types = Object.entries(content).map(([type, media]) => [type, { ...media, schema }]);
  return { ...operation, requestBody: { ...requestBody, content: Object.fromEntries(types) } };
}

/** The module's own fields of a body. */
function ownPart(schema: string, own: readonly string[]): object {
  const { properties = {}, required = [] } = AUTH_SCHEMAS[schema] as ObjectSchema;
  const needed = required.filter((name) => own.includes(name));
  return {
    type: 'object',
    ...(needed.length > 0 && { required: needed }),
    properties: Object.fromEntries(Object.entries(properties).filter(([name]) => own.includes(name))),
  };
}

/** `@nestjs/swagger` knows the types of properties with `@ApiProperty()`. Of the others, only their names are known. */
function bodyOf(document: OpenAPIObject, own: object, dto: Type): object {
  const known = document.components?.schemas?.[dto.name] as ObjectSchema | undefined;
  const missing = declaredFields(dto).filter((name) => known?.properties?.[name] === undefined);
  const rest = {
    type: 'object',
    properties: Object.fromEntries(missing.map((name) => [name, {}])),
    ...(requiredOf(dto, missing).length > 0 && { required: requiredOf(dto, missing) }),
  };
  return {
    allOf: [
      ...(known ? [{ $ref: `#/components/schemas/${dto.name}` }] : []),
      ...(missing.length > 0 ? [rest] : []),
      own,
    ],
  };
}

/** Those without `@IsOptional()`. */
function requiredOf(dto: Type, names: string[]): string[] {
  const rules = getMetadataStorage().getTargetValidationMetadatas(dto, '', false, false);
  const optional = rules.filter(({ type }) => type === ValidationTypes.CONDITIONAL_VALIDATION);
  return names.filter((name) => !optional.some(({ propertyName }) => propertyName === name));
}
