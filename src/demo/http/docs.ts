import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { describeAuthRoutes } from 'nestjs-refresh-token/openapi';

/** Serves the API documentation at `/docs`, and as JSON at `/docs-json`. */
export function serveDocs(app: INestApplication): void {
  const about = new DocumentBuilder().setTitle('nestjs-refresh-token, the demo').setVersion('1').build();
  // Created at the first request for it.
  SwaggerModule.setup('docs', app, () => describeAuthRoutes(app, SwaggerModule.createDocument(app, about)));
}
