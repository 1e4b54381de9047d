/* What a program is made of: the bytes that a captured training step moves, counted from the
 * buffers that its steps name, and the engines that compute its convolutions. */
#include <string.h>

#include "gpu/conv_exec.h"
#include "gpu/plan.h"

static double step_bytes(const GpuProgram *program, const Step *step) {
    double bytes = (double)step->extra_bytes - (double)step->unread_bytes;
    for (int i = 0; i < STEP_BUFFERS; i++)
        if (step->buf[i] >= 0 && !program->buffers[step->buf[i]].scratch)
            bytes += (double)program->buffers[step->buf[i]].bytes;
    return bytes;
}

static double least_bytes(const GpuProgram *program, const Step *step) {
    double bytes = (double)step->extra_bytes;
    if (step->least_bytes > 0)
        return (double)step->least_bytes;
    for (int i = 0; i < STEP_BUFFERS; i++)
        if (step->buf[i] >= 0 && !program->buffers[step->buf[i]].scratch)
            bytes += (double)program->buffers[step->buf[i]].least;
    return bytes;
}

/* The line of an operation, a new one at its first step; NULL when the table is full. */
static AccountLine *line_of(Account *account, const char *operation) {
    for (int i = 0; i < account->line_count; i++)
        if (strcmp(account->lines[i].operation, operation) == 0)
            return &account->lines[i];
    if (account->line_count == ACCOUNT_LINES_MAX)
        return NULL;
    account->lines[account->line_count].operation = operation;
    return &account->lines[account->line_count++];
}

static Status add(Account *account, const char *operation, double bytes, double least) {
    AccountLine *line = line_of(account, operation);
    if (!line)
        return status_fail(STATUS_BACKEND, "more than %d operations to account for",
                           ACCOUNT_LINES_MAX);
    line->launches++;
    line->bytes += bytes;
    line->least_bytes += least;
    return STATUS_OK;
}

/* Value, gradient and moments read; value, moments and the bf16 copy written. */
static double optimizer_bytes(const GpuProgram *program) {
    const GpuState *state = program->state;
    int moments = state->base.optimizer.kind == OPTIMIZER_ADAM ? 2 : 1;
    double n = (double)state->learned, halves = program->half ? (double)state->conv_weights : 0;
    double bytes = n * 4 * (2 + 2 * moments) + (n - halves) * 4 + halves * 2;
    return program->half ? bytes + n * 2 : bytes;
}

Status gpu_account(Program *base, Account *account) {
    GpuProgram *program = gpu_program_of(base);
    for (int i = program->train.begin; i < program->train.end; i++) {
        const Step *step = &program->steps[i];
        TRY(add(account, step->name, step_bytes(program, step), least_bytes(program, step)));
    }
    double optimizer = optimizer_bytes(program);
    TRY(add(account, "optimizer", optimizer, optimizer));
    if (!program->train.exec)
        TRY(gpu_capture(program, &program->train));
    account->graph_nodes = (int64_t)program->train.nodes;
    return STATUS_OK;
}

Status gpu_describe(const Program *base, FILE *file) {
    const GpuProgram *program = (const GpuProgram *)base;
    for (int i = 0; i < program->step_count; i++) {
        const Step *step = &program->steps[i];
        char problem[128];
        if (step->run != conv_exec_run)
            continue;
        const ConvPlan *plan = ((const ConvExec *)step->op)->plan;
        conv_problem_text(&plan->problem, problem, sizeof problem);
        fprintf(file, "%s: %s: engine %lld, knobs %s, %s tensor cores, workspace %lld\n",
                node_of(program, step->node)->name, problem, (long long)plan->engine,
                plan->knobs[0] ? plan->knobs : "none", plan->tensor_cores ? "with" : "without",
                (long long)plan->workspace);
    }
    return STATUS_OK;
}
