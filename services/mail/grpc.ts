import { Decision as DecisionCode, MailServiceDefinition, Outcome } from '#contracts/gen/mail/v1/mail';
import { validated } from '#kit/errors/validation';
import { grpcService } from '#kit/grpc/server';
import type { MailDeps } from './deps';
import { SendRequest, SendResult } from './model';
import { beginSending, type Decision, finishSending } from './service';

/** The worker claims a mail before it sends it, and reports the outcome. */
export const mailGrpc = (deps: MailDeps) =>
  grpcService(MailServiceDefinition, {
    async beginSending(request) {
      const decision = await beginSending(deps, validated(SendRequest, request));
      return {
        decision: DECISIONS[decision.kind],
        mail_id: decision.mailId,
        attempt: decision.kind === 'send' ? decision.attempt : 0,
        wait_ms: decision.kind === 'in-progress' ? decision.waitMs : 0,
        unsubscribe_url: decision.kind === 'send' ? decision.unsubscribeUrl : undefined,
        reason: decision.kind === 'suppressed' ? decision.reason : undefined,
      };
    },
    async finishSending(request) {
      const result = validated(SendResult, { ...request, outcome: OUTCOMES[request.outcome] });
      return { recorded: await finishSending(deps, result) };
    },
  });

const DECISIONS: Readonly<Record<Decision['kind'], DecisionCode>> = {
  send: DecisionCode.DECISION_SEND,
  sent: DecisionCode.DECISION_ALREADY_SENT,
  'in-progress': DecisionCode.DECISION_IN_PROGRESS,
  failed: DecisionCode.DECISION_FAILED,
  unsubscribed: DecisionCode.DECISION_UNSUBSCRIBED,
  bounced: DecisionCode.DECISION_BOUNCED,
  suppressed: DecisionCode.DECISION_SUPPRESSED,
};

const OUTCOMES: Readonly<Partial<Record<Outcome, SendResult['outcome']>>> = {
  [Outcome.OUTCOME_SENT]: 'sent',
  [Outcome.OUTCOME_FAILED]: 'failed',
  [Outcome.OUTCOME_DEFERRED]: 'deferred',
  [Outcome.OUTCOME_BOUNCED]: 'bounced',
};
