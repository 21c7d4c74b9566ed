# Set-up made a database of 130 MB; the entrypoint makes one in the volume instead.
find /var/lib/mysql -mindepth 1 -delete
chmod 755 /usr/local/bin/entrypoint
# Answer on all addresses; the names of clients are never looked up.
printf '[mariadbd]\nbind-address = 0.0.0.0\nskip-name-resolve\nuser = mysql\n' >/etc/mysql/mariadb.conf.d/90-container.cnf
mkdir -p /run/mysqld
chown mysql:mysql /run/mysqld
