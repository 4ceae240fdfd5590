import { Decision as DecisionCode, MailServiceDefinition, Outcome } from '#contracts/gen/mail/v1/mail';
import { validated } from '#kit/errors/validation';
import { grpcService } from '#kit/grpc/server';
import { Beginning, Ending } from './model';
import { beginSending, type Decision, finishSending, type MailDeps } from './service';

/** What the worker that sends asks before, and tells after. */
export const mailGrpc = (deps: MailDeps) =>
  grpcService(MailServiceDefinition, {
    async beginSending(request) {
      const decision = await beginSending(deps, validated(Beginning, request));
      return {
        decision: DECISIONS[decision.kind],
        mail_id: decision.mailId,
        attempt: decision.kind === 'send' ? decision.attempt : 0,
        wait_ms: decision.kind === 'in-progress' ? decision.waitMs : 0,
        unsubscribe_url: decision.kind === 'send' ? decision.unsubscribeUrl : undefined,
      };
    },
    async finishSending(request) {
      const ending = validated(Ending, { ...request, outcome: OUTCOMES[request.outcome] });
      return { recorded: await finishSending(deps, ending) };
    },
  });

const DECISIONS: Readonly<Record<Decision['kind'], DecisionCode>> = {
  send: DecisionCode.DECISION_SEND,
  sent: DecisionCode.DECISION_ALREADY_SENT,
  'in-progress': DecisionCode.DECISION_IN_PROGRESS,
  failed: DecisionCode.DECISION_FAILED,
  unsubscribed: DecisionCode.DECISION_UNSUBSCRIBED,
};

const OUTCOMES: Readonly<Partial<Record<Outcome, Ending['outcome']>>> = {
  [Outcome.OUTCOME_SENT]: 'sent',
  [Outcome.OUTCOME_FAILED]: 'failed',
  [Outcome.OUTCOME_DEFERRED]: 'deferred',
};
