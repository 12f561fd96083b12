# The same analysis in R, for the tests of canalis.cohort. Run in this folder:
#   Rscript analysis.R
# Writes expected.csv (name, value) and session.txt. Needs Debian's r-base-core, r-cran-nlme and r-cran-psych.
out <- list()
put <- function(name, value) out[[length(out) + 1]] <<- data.frame(name = name, value = sprintf("%.15g", as.numeric(value)))
put_t <- function(name, t) {
  put(paste0(name, ".statistic"), t$statistic)
  put(paste0(name, ".df"), t$parameter)
  put(paste0(name, ".p"), t$p.value)
  put(paste0(name, ".ci_low"), t$conf.int[1])
  put(paste0(name, ".ci_high"), t$conf.int[2])
}
d <- read.csv("../../../src/canalis/cohort/example/liu_kong_2021.csv")
d$rate <- d$improvement_rate_percent
d$pre <- d$preoperative_joa
d$post <- d$postoperative_joa
d$gain <- d$post - d$pre

put_t("joa_change", t.test(d$post, d$pre, paired = TRUE))
w <- suppressWarnings(wilcox.test(d$post, d$pre, paired = TRUE))
put("joa_change.companion.p", w$p.value)

pairs <- list(c("approach", "anterior", "posterior"), c("approach", "anterior", "combined"),
              c("approach", "posterior", "combined"), c("violence", "slight", "severe"))
for (g in pairs) {
  a <- d[d[[g[1]]] == g[2], ]; b <- d[d[[g[1]]] == g[3], ]
  name <- paste0("improvement_by_", g[1], ".", g[2], "_vs_", g[3])
  put_t(name, t.test(a$rate, b$rate, var.equal = TRUE))
  put_t(paste0(name, ".welch"), t.test(a$rate, b$rate))
  put(paste0(name, ".companion.p"), suppressWarnings(wilcox.test(a$rate, b$rate))$p.value)
  both <- rbind(a, b); both$one <- as.numeric(both[[g[1]]] == g[2])
  for (y in c("rate", "post")) {
    m <- lm(reformulate(c("one", "pre"), y), both)
    n <- paste0(name, if (y == "rate") ".adjusted" else ".adjusted_postoperative")
    s <- summary(m)$coefficients["one", ]; ci <- confint(m)["one", ]
    put(paste0(n, ".estimate"), s[1]); put(paste0(n, ".statistic"), s[3]); put(paste0(n, ".p"), s[4])
    put(paste0(n, ".df"), m$df.residual); put(paste0(n, ".ci_low"), ci[1]); put(paste0(n, ".ci_high"), ci[2])
    # Quade: ranks of the outcome, with the ranks of the covariate taken out, compared by analysis of variance
    res <- resid(lm(rank(both[[y]]) ~ rank(both$pre)))
    put(paste0(n, ".companion.p"), anova(lm(res ~ factor(both$one)))[1, "Pr(>F)"])
  }
}
student <- sapply(pairs[1:3], function(g) t.test(d$rate[d[[g[1]]] == g[2]], d$rate[d[[g[1]]] == g[3]], var.equal = TRUE)$p.value)
put(c("holm.anterior_vs_posterior", "holm.anterior_vs_combined", "holm.posterior_vs_combined"), p.adjust(student, "holm"))

a <- anova(lm(rate ~ approach, d))
put("improvement_by_approach.anova.statistic", a[1, "F value"]); put("improvement_by_approach.anova.p", a[1, "Pr(>F)"])
o <- oneway.test(rate ~ approach, d)
put("improvement_by_approach.anova.welch.statistic", o$statistic); put("improvement_by_approach.anova.welch.df", o$parameter[2])
put("improvement_by_approach.anova.welch.p", o$p.value)
k <- kruskal.test(rate ~ factor(approach), d)
put("improvement_by_approach.anova.companion.statistic", k$statistic); put("improvement_by_approach.anova.companion.p", k$p.value)

for (v in list(c("preoperative_joa_vs_improvement", "pre", "rate"), c("stenosis_vs_improvement", "stenosis_rate_percent", "rate"),
               c("preoperative_joa_vs_change", "pre", "gain"))) {
  x <- d[[v[2]]]; y <- d[[v[3]]]; p <- cor.test(x, y)
  put(paste0(v[1], ".estimate"), p$estimate); put_t(v[1], p)
  s <- cor.test(x, y, method = "spearman", exact = FALSE)
  put(paste0(v[1], ".companion.statistic"), s$estimate); put(paste0(v[1], ".companion.p"), s$p.value)
}
rx <- resid(lm(stenosis_rate_percent ~ pre, d)); ry <- resid(lm(rate ~ pre, d))
r <- cor(rx, ry); t <- r * sqrt((27 - 3) / (1 - r^2))
put("stenosis_vs_improvement.adjusted.estimate", r); put("stenosis_vs_improvement.adjusted.statistic", t)
put("stenosis_vs_improvement.adjusted.p", 2 * pt(-abs(t), 24))
m <- lm(rate ~ pre, d); ci <- confint(m); s <- summary(m)
for (i in 1:2) {
  n <- paste0("improvement_on_preoperative_joa.", c("intercept", "slope")[i])
  put(paste0(n, ".estimate"), coef(m)[i]); put(paste0(n, ".ci_low"), ci[i, 1]); put(paste0(n, ".ci_high"), ci[i, 2])
  put(paste0(n, ".statistic"), s$coefficients[i, 3]); put(paste0(n, ".p"), s$coefficients[i, 4])
}
put("improvement_on_preoperative_joa.slope.r_squared", s$r.squared)
put("improvement_on_preoperative_joa.slope.companion.p", suppressWarnings(cor.test(d$pre, d$rate, method = "kendall", exact = FALSE))$p.value)
put("shapiro.differences.W", shapiro.test(d$gain)$statistic); put("shapiro.differences.p", shapiro.test(d$gain)$p.value)
put("power.smallest_difference.d", power.t.test(n = 20, power = 0.8)$delta)

d$reached <- d$gain >= 2.5
g <- glm(reached ~ pre + stenosis_rate_percent, binomial, d)
put("mcid_reached.preoperative_joa.estimate", exp(coef(g)["pre"])); put("mcid_reached.preoperative_joa.p", summary(g)$coefficients["pre", 4])
w <- exp(confint.default(g)["pre", ])
put("mcid_reached.preoperative_joa.ci_low", w[1]); put("mcid_reached.preoperative_joa.ci_high", w[2])

f <- read.csv("followups.csv")
times <- c("preoperative_joa", "joa_at_3_months", "joa_at_6_months", "joa_at_12_months")
long <- reshape(f, direction = "long", varying = times, v.names = "points", timevar = "time", times = c(0, 3, 6, 12), idvar = "case")
long <- long[!is.na(long$points), ]; long$time <- factor(long$time)
mm <- nlme::lme(points ~ time, random = ~ 1 | case, data = long, method = "REML")
tt <- summary(mm)$tTable
for (i in 2:4) {
  n <- paste0("joa_over_time.month_", c(3, 6, 12)[i - 1])
  put(paste0(n, ".estimate"), tt[i, 1]); put(paste0(n, ".standard_error"), tt[i, 2])
}

r <- read.csv("readers.csv")
wide <- reshape(r, direction = "wide", idvar = "case", timevar = "reader")[, -1]
i <- psych::ICC(wide, lmer = FALSE)$results
for (row in 1:6) {
  put(paste0("icc.", i$type[row]), i$ICC[row]); put(paste0("icc.", i$type[row], ".p"), i$p[row])
  put(paste0("icc.", i$type[row], ".ci_low"), i$`lower bound`[row]); put(paste0("icc.", i$type[row], ".ci_high"), i$`upper bound`[row])
}
first <- c(1, 2, 3, 3, 2, 1, 1, 2, 3, 3, 2, 2); second <- c(1, 2, 3, 2, 2, 1, 2, 2, 3, 3, 3, 1)
k <- psych::cohen.kappa(cbind(first, second), w = 1 - abs(outer(1:3, 1:3, "-")) / 2)
put("kappa.unweighted", k$kappa); put("kappa.linear", k$weighted.kappa)
put("kappa.quadratic", psych::cohen.kappa(cbind(first, second))$weighted.kappa)

write.csv(do.call(rbind, out), "expected.csv", row.names = FALSE, quote = FALSE)
writeLines(capture.output(print(sessionInfo()), for (p in c("nlme", "psych")) cat(p, format(packageVersion(p)), "\n")), "session.txt")
