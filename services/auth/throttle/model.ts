import { defineProblem } from '#kit/errors/problem';

export const TooManyAttempts = defineProblem('auth.too-many-attempts', 429, 'Too many attempts');
