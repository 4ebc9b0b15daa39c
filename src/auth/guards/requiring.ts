import { SetMetadata } from '@nestjs/common';

/** Requires all of these values of a handler or a class, in addition to those that another decorator of the same kind requires. */
export function requiringAll(key: string, values: readonly string[]): MethodDecorator & ClassDecorator {
  return (target: object, property?: string | symbol, descriptor?: PropertyDescriptor) => {
    const marked = (descriptor ? descriptor.value : target) as object;
    const others = (Reflect.getOwnMetadata(key, marked) ?? []) as string[];
    SetMetadata(key, [...new Set([...others, ...values])])(target, property!, descriptor!);
  };
}
