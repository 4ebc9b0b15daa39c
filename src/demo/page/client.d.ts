export * from 'nestjs-refresh-token/client';
