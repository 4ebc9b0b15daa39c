import type { ConceptProviders } from '../common/options/concept-providers.js';
import { AlertDispatch } from './alert-dispatch.js';

export const alertProviders: ConceptProviders = {
  exported: [],
  internal: [AlertDispatch],
};
