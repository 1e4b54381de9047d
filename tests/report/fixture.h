/* Output folders made by hand. */
#ifndef TESTS_REPORT_FIXTURE_H
#define TESTS_REPORT_FIXTURE_H

/* Headers as short as the fixture's. */
#define RUNS_HEADER                                                                                \
    "model,family,depth,shortcut,width,dataset,batch,iterations,lr,warmup,seed,key,status,"        \
    "diverged_at,train_error_pct,train_eval_error_pct,test_error_pct,parameters,seconds\n"
#define CURVES_HEADER                                                                              \
    "key,model,family,depth,shortcut,seed,iteration,train_error_pct,test_error_pct\n"

/* A fresh folder of that name in the scratch folder, with these texts as runs.csv and curves.csv
 * (NULL: without). Its path, valid until the next call. Aborts when it cannot be made. */
const char *fixture_folder(const char *name, const char *runs, const char *curves);
/* The same with fixture/runs.csv and fixture/curves.csv: plain, resnet A and B, depths 20, 56 and
 * 110, up to three seeds; a plain 56 diverged late, the plain 110 before its first evaluation. */
const char *fixture_copy(const char *name);
/* Writes a file into such a folder. Aborts when it cannot. */
void fixture_file(const char *folder, const char *name, const char *text);

#endif
