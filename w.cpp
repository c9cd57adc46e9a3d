#include "/tmp/w/e/g2/float16.hpp"
int main(){}
