#pragma once
int dependent_answer();
