import { Logger, type LoggerService } from '@nestjs/common';

/** Records what is logged as an error while the work runs. */
export async function errorsDuring(work: () => Promise<unknown>): Promise<string[]> {
  const errors: string[] = [];
  const ignore = () => undefined;
  const error = (message: unknown) => void errors.push(String(message));
  Logger.overrideLogger({ log: ignore, warn: ignore, error } satisfies LoggerService);
  try {
    await work();
  } finally {
    Logger.overrideLogger(false);
  }
  return errors;
}
