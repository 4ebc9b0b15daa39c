import type { ConceptProviders } from '../common/concept-providers.js';
import { SignInService } from './sign-in.service.js';
import { StepUpService } from './step-up.service.js';

export const signInProviders: ConceptProviders = {
  exported: [SignInService, StepUpService],
  internal: [],
};
