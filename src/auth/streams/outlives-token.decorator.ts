import { SetMetadata } from '@nestjs/common';

export const OUTLIVES_TOKEN = 'nestjs-refresh-token:outlives-token';

/**
 * Lets a response go on after its access token has expired. It still ends with its session, and when permissions change.
 * Use it for downloads that may take longer than the rest of an access token's life.
 *
 * @example
 * @OutlivesToken()
 * @UseGuards(JwtAuthGuard)
 * @Get('backup')
 * backup() {
 *   return new StreamableFile(createReadStream('backup.tar'));
 * }
 */
export const OutlivesToken = (): MethodDecorator & ClassDecorator => SetMetadata(OUTLIVES_TOKEN, true);
