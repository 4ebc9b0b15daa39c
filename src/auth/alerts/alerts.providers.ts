import type { ConceptProviders } from '../common/concept-providers.js';
import { AlertDispatch } from './alert-dispatch.js';

export const alertProviders: ConceptProviders = {
  exported: [],
  internal: [AlertDispatch],
};
