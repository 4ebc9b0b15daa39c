import type { Type } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';

/** The properties of a class that have decorators of `class-validator`, of its superclasses too. */
export function declaredFields(metatype: Type): string[] {
  const declared = getMetadataStorage().getTargetValidationMetadatas(metatype, '', false, false);
  return [...new Set(declared.map(({ propertyName }) => propertyName))];
}
