module shmbus

go 1.19
